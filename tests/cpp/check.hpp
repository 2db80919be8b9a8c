// What the test programs share: a check that says where it failed.
#ifndef TANGO_TEST_CHECK_HPP
#define TANGO_TEST_CHECK_HPP

#include <cstdio>
#include <cstdlib>

[[noreturn]] inline void end_at(const char *file, int line, const char *why, const char *what)
{
    std::fprintf(stderr, "%s:%d: %s: %s\n", file, line, why, what);
    std::exit(1);
}

#define CHECK(condition) ((condition) ? void() : end_at(__FILE__, __LINE__, "not true", #condition))
#define FAIL(what) end_at(__FILE__, __LINE__, "must not happen", what)

#endif
