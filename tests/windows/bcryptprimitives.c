// bcryptprimitives.dll for Wine 8, which lacks it: Rust's standard library and Go import this function from it.
#include <stdlib.h>
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(void *buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(unsigned char *buffer, SIZE_T length) {
    while (length > 0) {
        ULONG part = length < 65536 ? (ULONG)length : 65536;
        if (!SystemFunction036(buffer, part)) {
            abort();
        }
        buffer += part;
        length -= part;
    }
    return TRUE;
}
