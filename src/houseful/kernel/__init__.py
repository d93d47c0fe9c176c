"""The kernel: ports, documents, errors, time, money.

Every package may import it. It imports no service and no driver.
"""
