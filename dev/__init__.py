"""The ground under `make demo` and `make test`: a virtual environment, a database, a broker, and the demo itself.

Nothing in production imports this package. `python -m dev setup` runs on the standard library alone; the rest runs
in the virtual environment that it makes.
"""
