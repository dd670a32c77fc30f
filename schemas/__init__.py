"""Whatever crosses a boundary: events, rows, parameter records, HTTP bodies, settings."""
