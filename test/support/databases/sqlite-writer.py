"""Transfers between the accounts of a bank in SQLite, one commit each with a heartbeat, until it is killed.

sqlite-writer.py FILE CLIENT ACCOUNTS
"""

import random
import sqlite3
import sys
import time


def transfer(bank, client, accounts):
    giver, taker = random.sample(range(1, accounts + 1), 2)
    amount = random.randint(1, 100)
    bank.execute("BEGIN IMMEDIATE")
    bank.execute("UPDATE account SET balance = balance - ? WHERE id = ?", (amount, giver))
    bank.execute("UPDATE account SET balance = balance + ? WHERE id = ?", (amount, taker))
    bank.execute("INSERT INTO transfer (giver, taker, amount) VALUES (?, ?, ?)", (giver, taker, amount))
    bank.execute(
        "INSERT INTO heartbeat SELECT ?1, coalesce(max(n), 0) + 1, ?2 FROM heartbeat WHERE client = ?1",
        (client, time.time_ns() // 1_000_000),
    )
    bank.execute("COMMIT")


def main():
    path, client, accounts = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    bank = sqlite3.connect(path, timeout=60, isolation_level=None)
    bank.execute("PRAGMA synchronous = FULL")
    while True:
        transfer(bank, client, accounts)


main()
