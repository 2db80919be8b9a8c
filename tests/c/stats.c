/* Reads the metrics of a client by name and by position, before and after its first token, and in a forked child. */
#include <math.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static tango_client *client;

static tango_stats *snapshot(void)
{
    tango_stats *stats = NULL;
    CHECK(tango_client_stats(client, &stats, NULL) == TANGO_STATUS_OK);
    return stats;
}

static double value(const char *name)
{
    tango_stats *stats = snapshot();
    double found = tango_stats_value(stats, name);
    tango_stats_free(stats);
    return found;
}

static void call(int times)
{
    for (int i = 0; i < times; i++)
        tango_token_free(acquire(client));
}

static void every_value_describes_itself(void)
{
    tango_stats *stats = snapshot();
    size_t count = tango_stats_count(stats);
    bool has_histogram = false;
    CHECK(count > 20);
    for (size_t i = 0; i < count; i++) {
        int32_t kind = tango_stats_kind(stats, i);
        CHECK(strncmp(tango_stats_name(stats, i), "tango.", 6) == 0);
        CHECK(strncmp(tango_stats_prometheus_name(stats, i), "tango_", 6) == 0);
        CHECK(strlen(tango_stats_description(stats, i)) > 10 && strlen(tango_stats_unit(stats, i)) > 0);
        CHECK(kind >= TANGO_METRIC_KIND_COUNTER && kind <= TANGO_METRIC_KIND_HISTOGRAM);
        CHECK(tango_stats_value_at(stats, i) >= 0);
        for (size_t j = 0; tango_stats_attribute_name(stats, i, j) != NULL; j++)
            CHECK(strlen(tango_stats_attribute_value(stats, i, j)) > 0);
        size_t buckets = tango_stats_bucket_count(stats, i);
        CHECK((buckets > 0) == (kind == TANGO_METRIC_KIND_HISTOGRAM));
        if (buckets > 0) {
            has_histogram = true;
            CHECK(isinf(tango_stats_bucket_bound(stats, i, buckets - 1)));
            CHECK(tango_stats_bucket_measurements(stats, i, buckets - 1) == 1);
            CHECK(tango_stats_bucket_bound(stats, i, 0) > 0 && isnan(tango_stats_bucket_bound(stats, i, buckets)));
            CHECK(tango_stats_value_at(stats, i) > 0);
        }
    }
    CHECK(has_histogram && tango_stats_name(stats, count) == NULL);
    tango_stats_free(stats);
}

static void child_begins_at_zero(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(value("tango.token.requests") == 0 && value("tango.token.served") == 0);
        call(2);
        CHECK(value("tango.token.served{source=memory}") == 2);
        _exit(0);
    }
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(value("tango.token.served{source=memory}") == 3);
}

int main(void)
{
    client = client_from_env();
    CHECK(value("tango.token.requests") == 0 && value("tango.token.expires_in") == 0);
    CHECK(isnan(value("tango.unheard.of")));
    call(4);
    CHECK(value("tango_token_requests_total{outcome=\"issued\"}") == 1);
    CHECK(value("tango.token.requests") == 1 && value("tango.token.request.duration") == 1);
    CHECK(value("tango.token.served{source=memory}") == 3);
    CHECK(value("tango_token_expires_in_seconds") > 0);
    every_value_describes_itself();
    child_begins_at_zero();
    tango_client_free(client);
    puts("the metrics of a client");
    return 0;
}
