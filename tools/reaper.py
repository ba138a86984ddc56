"""reaper.py FOLDER: waits until whoever holds its standard input is gone, however that went; then ends the
members and containers that run from the folder and removes it."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import loopback

while os.read(0, 1):
    pass
subprocess.run(["pkill", "-KILL", "-f", f"musterd --data-dir {sys.argv[1]}"], check=False)
loopback.remove_folder(sys.argv[1])
