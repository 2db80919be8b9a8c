// The metrics of a client: values by name, and all samples with their attributes and buckets.
#include <tango_token.hpp>

#include <cmath>

#include "check.hpp"

int main()
{
    const tango::client client(tango::config().load_env());
    client.acquire();
    client.acquire();
    const tango::stats stats = client.stats();
    CHECK(stats.value("tango.token.requests") == 1);
    CHECK(stats.value("tango_token_served_total{source=\"memory\"}") == 1);
    CHECK(!stats.value("tango.unheard.of") && !stats.value(std::string_view("tango.token.requests\0", 21)));

    int histograms = 0;
    double issued = 0;
    for (const tango::stats::sample &sample : stats.samples()) {
        CHECK(!sample.description.empty() && !sample.unit.empty());
        if (sample.prometheus_name == "tango_token_requests_total" && sample.attributes.at(0).second == "issued")
            issued = sample.value;
        if (sample.kind == TANGO_METRIC_KIND_HISTOGRAM) {
            ++histograms;
            CHECK(sample.buckets.back().measurements == 1 && std::isinf(sample.buckets.back().upper_bound));
        }
    }
    CHECK(histograms == 1 && issued == 1);

    CHECK(tango::client().try_stats().error().status() == TANGO_STATUS_INVALID_ARGUMENT);
    const tango::stats nothing;
    CHECK(nothing.samples().empty() && !nothing.value("tango.token.requests"));
    std::puts("the metrics of a client");
}
