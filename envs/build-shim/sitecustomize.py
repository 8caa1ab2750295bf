"""Lets pyradiomics 3.0.1 build on Python 3.12 and newer; on PYTHONPATH only while installing.

Its bundled versioneer 0.17 uses `configparser.SafeConfigParser` and `readfp`, both removed in Python 3.12.
"""

import configparser

if not hasattr(configparser, "SafeConfigParser"):

    class SafeConfigParser(configparser.ConfigParser):
        def readfp(self, file, filename=None):
            self.read_file(file, filename)

    configparser.SafeConfigParser = SafeConfigParser
