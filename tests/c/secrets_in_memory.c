/* Uses secrets as its test tells it, and keeps no copy itself, so that each copy in its memory is the library's.
 *
 * It executes one command per line of its standard input, with arguments in hexadecimal, and writes a line for each: a
 * status, and for some a string. It reads and writes without stdio, whose buffers would keep what passes through them.
 *
 *     config                  makes a configuration, and reads the environment
 *     set OPTION VALUE        calls a setter of the configuration
 *     key KIND VALUE          reads a key: a pem, a jwk or a file
 *     client                  makes the client
 *     acquire                 gets a token; writes it
 *     authorize               makes the headers of an API request
 *     prove                   makes a proof with the key
 *     pem                     writes the token's private key as PEM
 *     credentials SECRET PASSWORD    replaces the credentials of the client
 *     invalidate              tells the client that the token was rejected
 *     forget                  overwrites the environment
 *     free                    frees everything
 *     plant PLACE VALUE       keeps a copy of a string: on the heap, in data, or on the stack of a thread
 */
#include <pthread.h>
#include <unistd.h>

#include "check.h"

enum { LONGEST_LINE = 64 * 1024, MOST_WORDS = 5 };

extern char **environ;

static char line[LONGEST_LINE];
static char *words[MOST_WORDS];
static tango_config *config;
static tango_client *client;
static tango_token *token;
static tango_authorization *authorization;
static tango_dpop_key *key;
static tango_error *error;
static char planted_in_data[LONGEST_LINE];
static char *planted_on_the_heap;
static pthread_barrier_t planted_in_a_thread;

static void wipe(char *place, size_t length)
{
    for (volatile char *byte = place; length > 0; length--)
        *byte++ = 0;
}

static void say(const char *string)
{
    for (size_t left = strlen(string); left > 0;) {
        ssize_t written = write(STDOUT_FILENO, string, left);
        CHECK(written > 0);
        string += written;
        left -= (size_t)written;
    }
}

static int hear(void)
{
    for (size_t length = 0; length < sizeof line - 1; length++) {
        if (read(STDIN_FILENO, &line[length], 1) != 1)
            return 0;
        if (line[length] == '\n') {
            line[length] = 0;
            return 1;
        }
    }
    return 0;
}

static int digit(char character) { return character <= '9' ? character - '0' : character - 'a' + 10; }

/* Replaces a word in hexadecimal by what it stands for. */
static char *decoded(char *word)
{
    size_t length = strlen(word) / 2;
    for (size_t i = 0; i < length; i++)
        word[i] = (char)(digit(word[2 * i]) << 4 | digit(word[2 * i + 1]));
    wipe(word + length, length);
    return word;
}

static void split(void)
{
    char *rest = line;
    for (int i = 0; i < MOST_WORDS; i++) {
        words[i] = rest;
        while (*rest != 0 && *rest != ' ')
            rest++;
        if (*rest == ' ')
            *rest++ = 0;
    }
}

static tango_status set(void)
{
    static const struct {
        const char *option;
        tango_status (*setter)(tango_config *, const char *, tango_error **);
    } setters[] = {
        {"client_secret", tango_config_set_client_secret},
        {"password", tango_config_set_password},
        {"proxy", tango_config_set_proxy},
        {"cache", tango_config_set_cache},
    };
    for (size_t i = 0; i < sizeof setters / sizeof *setters; i++)
        if (strcmp(words[1], setters[i].option) == 0)
            return setters[i].setter(config, decoded(words[2]), &error);
    return TANGO_STATUS_INVALID_ARGUMENT;
}

static tango_status set_key(void)
{
    tango_status status = TANGO_STATUS_INVALID_ARGUMENT;
    if (strcmp(words[1], "pem") == 0)
        status = tango_dpop_key_from_pem(decoded(words[2]), 0, &key, &error);
    else if (strcmp(words[1], "jwk") == 0)
        status = tango_dpop_key_from_jwk(decoded(words[2]), &key, &error);
    else if (strcmp(words[1], "file") == 0)
        status = tango_dpop_key_from_file(decoded(words[2]), &key, &error);
    return status == TANGO_STATUS_OK ? tango_config_set_dpop_key(config, key, &error) : status;
}

static tango_status make_config(void)
{
    config = tango_config_new();
    return tango_config_load_env(config, &error);
}

static tango_status make_client(void) { return tango_client_new(config, &client, &error); }

static tango_status acquire_token(void)
{
    tango_token_free(token);
    token = NULL;
    tango_status status = tango_token_acquire(client, &token, &error);
    if (status == TANGO_STATUS_OK) {
        say(tango_token_value(token));
        say(" ");
    }
    return status;
}

static tango_status authorize(void)
{
    return tango_client_authorize(client, "GET", "https://api.example/accounts", &authorization, &error);
}

static tango_status prove(void)
{
    tango_dpop_proof *proof = NULL;
    tango_status status =
        tango_dpop_proof_new(key, "GET", "https://api.example/", token ? tango_token_value(token) : NULL, NULL, &proof,
                             &error);
    tango_dpop_proof_free(proof);
    return status;
}

/* With other characters for blanks and line breaks, which would end the string. */
static tango_status write_pem(void)
{
    const char *pem = NULL;
    tango_dpop_key *bound = key != NULL ? tango_dpop_key_clone(key) : tango_token_dpop_key(token);
    tango_status status = tango_dpop_key_to_pem(bound, &pem, &error);
    for (; status == TANGO_STATUS_OK && *pem != 0; pem++) {
        char character[2] = {*pem == '\n' ? '|' : *pem == ' ' ? '_' : *pem, 0};
        say(character);
    }
    say(" ");
    tango_dpop_key_free(bound);
    return status;
}

static tango_status replace_credentials(void)
{
    return tango_client_set_credentials(client, getenv("TANGO_CLIENT_ID"), decoded(words[1]), getenv("TANGO_USERNAME"),
                                        decoded(words[2]), &error);
}

static tango_status invalidate(void) { return tango_client_invalidate(client, token, &error); }

static tango_status forget_environment(void)
{
    for (char **variable = environ; *variable != NULL; variable++)
        wipe(*variable, strlen(*variable));
    return TANGO_STATUS_OK;
}

static tango_status free_everything(void)
{
    tango_authorization_free(authorization);
    tango_token_free(token);
    tango_client_free(client);
    tango_config_free(config);
    tango_dpop_key_free(key);
    authorization = NULL;
    token = NULL;
    client = NULL;
    config = NULL;
    key = NULL;
    return TANGO_STATUS_OK;
}

static void *keep_on_this_stack(void *string)
{
    char copy[LONGEST_LINE];
    strcpy(copy, string);
    pthread_barrier_wait(&planted_in_a_thread);
    pthread_barrier_wait(&planted_in_a_thread);
    return copy[0] != 0 ? string : NULL;
}

static tango_status plant(void)
{
    static pthread_t thread;
    char *string = decoded(words[2]);
    if (strcmp(words[1], "heap") == 0)
        planted_on_the_heap = strdup(string);
    else if (strcmp(words[1], "data") == 0)
        strcpy(planted_in_data, string);
    else if (strcmp(words[1], "thread") != 0 || pthread_barrier_init(&planted_in_a_thread, NULL, 2) != 0 ||
             pthread_create(&thread, NULL, keep_on_this_stack, string) != 0)
        return TANGO_STATUS_INVALID_ARGUMENT;
    else
        pthread_barrier_wait(&planted_in_a_thread);
    return TANGO_STATUS_OK;
}

int main(void)
{
    static const struct {
        const char *word;
        tango_status (*action)(void);
    } actions[] = {
        {"config", make_config}, {"set", set}, {"key", set_key}, {"client", make_client}, {"acquire", acquire_token},
        {"authorize", authorize}, {"prove", prove}, {"pem", write_pem}, {"credentials", replace_credentials},
        {"invalidate", invalidate}, {"forget", forget_environment}, {"free", free_everything}, {"plant", plant},
    };
    while (hear()) {
        size_t i = 0;
        split();
        while (i < sizeof actions / sizeof *actions && strcmp(words[0], actions[i].word) != 0)
            i++;
        CHECK(i < sizeof actions / sizeof *actions);
        tango_status status = actions[i].action();
        wipe(line, sizeof line);
        say(tango_status_name(status));
        if (status != TANGO_STATUS_OK) {
            say(" ");
            say(tango_error_message(error));
            tango_error_free(error);
            error = NULL;
        }
        say("\n");
    }
    return 0;
}
