"""Restricts its process as systemd's SystemCallFilter=, RestrictAddressFamilies= and MemoryDenyWriteExecute= do, and
becomes a program: for the test of the unit.

    restrict_calls.py CALLS FAMILIES PROGRAM

CALLS and FAMILIES are lists with commas. Needs libseccomp, which systemd needs as well.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import sys

ALLOW = 0x7FFF0000
FAIL_WITH_EPERM = 0x00050000 | errno.EPERM
EQUAL = 4
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1


class Comparison(ctypes.Structure):
    _fields_ = [
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    ]


def restrict(calls: list[str], families: list[str]) -> None:
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(seccomp.seccomp_init(FAIL_WITH_EPERM))
    for name in calls:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        # Below zero: a call of other architectures.
        if number >= 0 and name != "socket":
            check(seccomp.seccomp_rule_add(rules, ALLOW, number, 0))
    number = seccomp.seccomp_syscall_resolve_name(b"socket")
    for family in families:
        is_family = (Comparison * 1)(Comparison(0, EQUAL, getattr(socket, family), 0))
        check(seccomp.seccomp_rule_add_array(rules, ALLOW, number, 1, is_family))
    check(seccomp.seccomp_load(rules))


def check(result: int) -> None:
    if result != 0:
        raise OSError(-result, os.strerror(-result))


def main(calls: str, families: str, program: str) -> None:
    # A flag of the process that its next program inherits (Linux 6.3).
    if ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
        sys.exit("this kernel has no PR_SET_MDWE")
    restrict(calls.split(","), families.split(","))
    os.execv(program, [program])


main(*sys.argv[1:])
