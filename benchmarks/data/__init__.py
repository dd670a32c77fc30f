"""From files and public sets to `Interactions`: reading, guessing what columns mean, downloading."""
