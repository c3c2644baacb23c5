#include "origin/header_values.hpp"

#include <gtest/gtest.h>

namespace tiercel::origin {
namespace {

response_head with(header id, std::string_view value, field& storage)
{
    storage = {name_of(id), value, id};
    response_head h;
    h.fields = {&storage, 1};
    h.present = std::uint64_t{1} << static_cast<unsigned>(id);
    return h;
}

TEST(HeaderValues, KeepAliveTimeout)
{
    struct row {
        std::string_view value;
        int expected;
    };
    for (const row& r : {row{"timeout=5", 5}, row{"timeout=5, max=100", 5}, row{"max=100, Timeout = 7", 7}, row{"timeout=0", 0},
                         row{"timeout=99999999999999999999", 86'400}, row{"", -1}, row{"max=1", -1}, row{"timeout=", -1},
                         row{"timeout=-5", -1}, row{"timeout=5s", -1}, row{"xtimeout=5", -1}, row{",,=,", -1}}) {
        field f;
        EXPECT_EQ(keep_alive_timeout(with(header::keep_alive, r.value, f)).count(), r.expected) << r.value;
    }
    EXPECT_LT(keep_alive_timeout(response_head{}).count(), 0);
}

TEST(HeaderValues, RetryAfter)
{
    const wall_time now(seconds(1'700'000'000));   // Tue, 14 Nov 2023 22:13:20 GMT
    struct row {
        std::string_view value;
        std::optional<int> expected;
    };
    for (const row& r : {row{"120", 120}, row{"0", 0}, row{"999999999", 86'400}, row{"Tue, 14 Nov 2023 22:13:50 GMT", 30},
                         row{"Tue, 14 Nov 2023 22:13:00 GMT", 0}, row{"Fri, 14 Nov 2031 22:13:00 GMT", 86'400},
                         row{"soon", {}}, row{"-1", {}}, row{"1.5", {}}, row{"", {}}}) {
        field f;
        const auto got = retry_after(with(header::retry_after, r.value, f), now);
        EXPECT_EQ(got.has_value(), r.expected.has_value()) << r.value;
        if (got && r.expected) {
            EXPECT_EQ(got->count(), *r.expected) << r.value;
        }
    }
    EXPECT_FALSE(retry_after(response_head{}, now));
}

}  // namespace
}  // namespace tiercel::origin
