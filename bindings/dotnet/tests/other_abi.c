/* A library of another ABI version, as a program may find one after an upgrade of half of it. */
#include <stdint.h>

int32_t tango_abi_version(void)
{
    return 99;
}

const char *tango_version(void)
{
    return "9.9.9";
}
