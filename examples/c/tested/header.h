/* A part of a program that needs a token. Its test is beside it. */
#ifndef HEADER_H
#define HEADER_H

#include <stddef.h>

#include <tango_token.h>

/* Writes the Authorization header. Returns 0, the seconds until there can be a token again, or -1. */
int64_t authorization_header(const tango_client *client, char *header, size_t size);

#endif
