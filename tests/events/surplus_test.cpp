#include "events/surplus.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <set>

namespace tiercel::events {
namespace {

using kind = effect::kind;

event of(std::string tenant)
{
    event e;
    e.tenant = std::move(tenant);
    return e;
}

source_options with(source_scope s)
{
    source_options o;
    o.scope = s;
    return o;
}

effect doing(kind what, std::set<std::string> tenants = {}, purge_mode mode = purge_mode::soft)
{
    effect e;
    e.what = what;
    e.everything = what == kind::invalidate && tenants.empty();
    e.tenants = std::move(tenants);
    e.order.mode = mode;
    e.problem = what == kind::invalidate || what == kind::noop ? "" : "trouble";
    return e;
}

std::vector<whole> tenants(std::initializer_list<const char*> names, purge_mode mode = purge_mode::soft)
{
    std::vector<whole> out;
    for (const char* const n : names) { out.push_back({.everything = false, .tenant = n, .mode = mode}); }
    return out;
}

std::vector<whole> everything(purge_mode mode = purge_mode::soft) { return {{.everything = true, .tenant = {}, .mode = mode}}; }

TEST(Widening, CoversTheTenantsOfAllThatAnEventNamesAndNoOthers)
{
    const surplus_event e = widen(of("one"), {doing(kind::invalidate, {"one"}), doing(kind::invalidate, {"two", "one"})}, with(source_scope::all), {});
    EXPECT_EQ(e.result, event_result::surplus);
    EXPECT_EQ(e.covers, tenants({"one", "two"}));
    EXPECT_EQ(widen(of("one"), {doing(kind::invalidate)}, with(source_scope::all), {}).covers, everything());
}

TEST(Widening, KeepsHardWhatIsHard)
{
    const auto hard = purge_mode::hard;
    EXPECT_EQ(widen(of("one"), {doing(kind::invalidate, {"one"}, hard)}, with(source_scope::tenant), {}).covers, tenants({"one"}, hard));
    EXPECT_EQ(widen(of("one"), {doing(kind::invalidate, {"one"}, hard), doing(kind::invalidate, {"one"})}, with(source_scope::all), "one").covers,
              tenants({"one"}, hard));
    EXPECT_EQ(widen(of("one"), {doing(kind::failed, {}, hard)}, with(source_scope::tenant), {}).covers, tenants({"one"}, hard));
}

TEST(Widening, OfWhatMeansNothingHereCoversNothing)
{
    EXPECT_EQ(widen(of("one"), {}, with(source_scope::all), {}).result, event_result::unmatched);
    const surplus_event e = widen(of("one"), {doing(kind::noop)}, with(source_scope::all), {});
    EXPECT_EQ(e.result, event_result::noop);
    EXPECT_TRUE(e.covers.empty());
}

TEST(Widening, OfWhatFailsCoversTheTenantThatTheEventNamesAndWithoutOneEverything)
{
    EXPECT_EQ(widen(of("one"), {doing(kind::failed)}, with(source_scope::all), {}).covers, tenants({"one"}));
    EXPECT_EQ(widen(of(""), {doing(kind::failed)}, with(source_scope::all), {}).covers, everything());
    const surplus_event none = widen(of(""), {doing(kind::failed)}, with(source_scope::tenant), {});
    EXPECT_EQ(none.result, event_result::dropped) << "it could not be carried out in any case";
    EXPECT_EQ(none.problem, "trouble");
    EXPECT_TRUE(none.covers.empty());
    EXPECT_EQ(widen(of("one"), {doing(kind::hopeless)}, with(source_scope::all), {}).result, event_result::dropped);
}

TEST(Widening, OfASenderWithOneTenantCoversNoOther)
{
    for (const effect& e : {doing(kind::invalidate), doing(kind::invalidate, {"two"}), doing(kind::invalidate, {"one", "two"}), doing(kind::failed)}) {
        for (const char* const named : {"", "one", "two", "no tenant's name!"}) {
            EXPECT_EQ(widen(of(named), {e}, with(source_scope::all), "one").covers, tenants({"one"}));
        }
    }
}

}  // namespace
}  // namespace tiercel::events
