// Helpers of the test programs: a check that reports its line, and a gate.
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

/// `hold` stops all requests on their way to the server until `release`: see Program::run_at_gate.
inline void gate(const char *command)
{
    char line[16];
    std::printf("gate %s\n", command);
    std::fflush(stdout);
    CHECK(std::fgets(line, sizeof line, stdin) != nullptr);
}

#endif
