#include "telemetry/tenant_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>

namespace tiercel::telemetry {
namespace {

// A thread's lookup with the cells it would count in.
class counting {
public:
    explicit counting(tenant_table& t) : table_(t), lookup_(t), raw_(t.slots() + 1) {}

    void request(const std::string& tenant, int times = 1)
    {
        for (int i = 0; i < times; ++i) { ++raw_[static_cast<std::size_t>(lookup_.find(tenant))][0]; }
    }
    std::map<std::string, std::uint64_t> report()
    {
        std::map<std::string, std::uint64_t> seen;
        for (const auto& row : table_.report(raw_)) { seen[row.tenant] = row.requests[0]; }
        return seen;
    }

private:
    tenant_table& table_;
    tenant_lookup lookup_;
    std::vector<outcome_counts> raw_;
};

using counts = std::map<std::string, std::uint64_t>;

TEST(TenantTable, CountsExactlyWhileThereAreSlots)
{
    tenant_table table(3);
    counting c(table);
    c.request("b", 2);
    c.request("a", 5);
    c.request("b");
    c.request("");
    EXPECT_EQ(c.report(), (counts{{"", 1}, {"a", 5}, {"b", 3}, {"other", 0}}));
}

TEST(TenantTable, TheRestIsOther)
{
    tenant_table table(2);
    counting c(table);
    for (const auto* t : {"a", "b", "c", "d"}) { c.request(t, 2); }
    EXPECT_EQ(c.report(), (counts{{"a", 2}, {"b", 2}, {"other", 4}}));
}

TEST(TenantTable, ATenantThatIsCalledOtherAndOverlongNamesAreOther)
{
    tenant_table table(2);
    counting c(table);
    c.request("other", 3);
    c.request(std::string(tenant_table::longest_name + 1, 'x'), 4);
    EXPECT_EQ(c.report(), (counts{{"other", 7}}));
}

TEST(TenantTable, NoSlotsMeansAllAreOther)
{
    tenant_table table(0);
    counting c(table);
    c.request("a", 1000);
    EXPECT_EQ(c.report(), (counts{{"other", 1000}}));
}

TEST(TenantTable, ABusyLatecomerTakesTheSlotOfAnIdleOne)
{
    tenant_table table(2);
    counting c(table);
    c.request("idle", 1);
    c.request("busy", 1000);
    c.request("late", 1000);
    EXPECT_EQ(c.report(), (counts{{"busy", 1000}, {"idle", 1}, {"other", 1000}}));
    c.request("late", 10);
    EXPECT_EQ(c.report(), (counts{{"busy", 1000}, {"late", 10}, {"other", 1001}}));
}

TEST(TenantTable, EqualsDoNotChangePlaces)
{
    tenant_table table(2);
    counting c(table);
    for (int round = 0; round < 50; ++round) {
        for (const auto* t : {"a", "b", "c"}) { c.request(t, 100); }
        const auto seen = c.report();
        EXPECT_TRUE(seen.contains("a") && seen.contains("b"));
    }
}

TEST(TenantTable, SumsStayRightHoweverSlotsChange)
{
    tenant_table table(4);
    counting c(table);
    std::uint64_t sent = 0;
    std::uint64_t changes = 0;
    for (int round = 0; round < 40; ++round) {
        for (int t = 0; t < 12; ++t) {
            const int times = t == round % 12 ? 2000 : 3;
            c.request("t" + std::to_string(t), times);
            sent += static_cast<std::uint64_t>(times);
        }
        const auto generation = table.generation();
        const auto seen = c.report();
        changes += table.generation() - generation;
        EXPECT_EQ(seen.size(), 5u);
        EXPECT_EQ(std::accumulate(seen.begin(), seen.end(), std::uint64_t{0}, [](auto n, const auto& s) { return n + s.second; }), sent);
    }
    EXPECT_GT(changes, 10u);
}

TEST(TenantTable, AHundredThousandTenantsTakeNoMoreThanTheSlots)
{
    tenant_table table(100);
    counting c(table);
    for (int t = 0; t < 100'000; ++t) { c.request("tenant-" + std::to_string(t)); }
    EXPECT_EQ(c.report().size(), 101u);
    EXPECT_EQ(c.report().at("other"), 99'900u);
}

}  // namespace
}  // namespace tiercel::telemetry
