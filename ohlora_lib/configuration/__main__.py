"""Prints the JSON schema of a configuration, for editors: python -m ohlora_lib.configuration."""

import json

from ohlora_lib.configuration.models import json_schema

print(json.dumps(json_schema(), indent=2))
