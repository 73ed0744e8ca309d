"""`python -m dimsum`: the command that the installed distribution names."""

from importlib.metadata import entry_points

if __name__ == "__main__":
    (command,) = entry_points(group="console_scripts", name="dimsum")
    command.load()()
