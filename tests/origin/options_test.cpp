#include "origin/options.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace tiercel::origin {
namespace {

TEST(OriginOptions, DefaultsWithAnEndpointAreGood)
{
    origin_options o;
    o.endpoints.push_back({"http://127.0.0.1:3000", 1});
    EXPECT_EQ(problem(o), "");
}

TEST(OriginOptions, ProblemsAreToldInWords)
{
    struct row {
        std::function<void(origin_options&)> spoil;
        std::string_view why;
    };
    const std::vector<row> rows{
        {[](auto& o) { o.endpoints.clear(); }, "at least one endpoint"},
        {[](auto& o) { o.endpoints.push_back({"ftp://shop", 1}); }, "must begin with"},
        {[](auto& o) { o.tls.certificate = "a.pem"; }, "belong together"},
        {[](auto& o) { o.endpoints[0].weight = 0; }, "weight"},
        {[](auto& o) { o.balance = "random"; }, "p2c, round_robin, hash"},
        {[](auto& o) { o.pool.max = 0; }, "pool.max"},
        {[](auto& o) { o.try_timeout = milliseconds{0}; }, "try_timeout"},
        {[](auto& o) { o.deadline_header = "a b"; }, "field name"},
        {[](auto& o) { o.deadline_header = "Content-Length"; }, "a meaning of its own"},
        {[](auto& o) { o.deadline_header = "host"; }, "a meaning of its own"},
        {[](auto& o) { o.deadline_header = "A: b\r\nC"; }, "field name"},
    };
    for (const row& r : rows) {
        origin_options o;
        o.endpoints.push_back({"http://127.0.0.1:3000", 1});
        r.spoil(o);
        EXPECT_NE(problem(o).find(r.why), std::string::npos) << problem(o);
    }
}

}  // namespace
}  // namespace tiercel::origin
