/* Acquires a token without blocking, in a program of Windows whose main thread runs a message loop.
 *
 * The callback runs on the library's thread, where it must not wait: it only posts the outcome to the loop. The
 * configuration comes from the TANGO_* environment variables. */
#include <inttypes.h>
#include <stdio.h>
#include <windows.h>

#include <tango_token.h>

enum { OUTCOME = WM_APP, GIVE_UP_AFTER_MS = 10000 };

static void done(void *user_data, tango_token *token, tango_error *error)
{
    const DWORD *loop = user_data;
    if (!PostThreadMessageW(*loop, OUTCOME, (WPARAM)token, (LPARAM)error)) {
        tango_token_free(token);
        tango_error_free(error);
    }
}

static int report(const char *what, tango_error *error)
{
    fprintf(stderr, "%s: %s\n  %s\n", what, tango_status_name(tango_error_status(error)), tango_error_message(error));
    tango_error_free(error);
    return 1;
}

static int finish(tango_token *token, tango_error *error)
{
    if (error != NULL)
        return report("no token", error);
    printf("%s token, good for %" PRId64 " s\n", tango_token_type(token), tango_token_expires_in_seconds(token));
    tango_token_free(token);
    return 0;
}

static int run(const tango_client *client)
{
    DWORD loop = GetCurrentThreadId();
    MSG message;
    tango_request *request = NULL;
    tango_error *error = NULL;
    /* Makes the message queue of this thread, which a callback could otherwise precede. */
    PeekMessageW(&message, NULL, WM_USER, WM_USER, PM_NOREMOVE);
    if (tango_token_acquire_start(client, done, &loop, &request, &error) != TANGO_STATUS_OK)
        return report("cannot start a request", error);

    UINT_PTR timer = SetTimer(NULL, 0, GIVE_UP_AFTER_MS, NULL);
    int result = 1;
    while (GetMessageW(&message, NULL, 0, 0) > 0) {
        if (message.message == OUTCOME) {
            result = finish((tango_token *)message.wParam, (tango_error *)message.lParam);
            break;
        }
        if (message.message == WM_TIMER)
            tango_request_cancel(request);
        DispatchMessageW(&message);
    }
    KillTimer(NULL, timer);
    tango_request_free(request);
    return result;
}

int main(void)
{
    tango_config *config = tango_config_new();
    tango_client *client = NULL;
    tango_error *error = NULL;
    int result;
    if (tango_config_load_env(config, &error) != TANGO_STATUS_OK ||
        tango_client_new(config, &client, &error) != TANGO_STATUS_OK)
        result = report("cannot start", error);
    else
        result = run(client);
    tango_client_free(client);
    tango_config_free(config);
    return result;
}
