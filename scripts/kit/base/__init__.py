"""What all of it stands on: errors, commands, the cache, KTAP, versions."""
