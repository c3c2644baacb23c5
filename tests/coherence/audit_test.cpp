#include "coherence/audit.hpp"

#include <gtest/gtest.h>

namespace tiercel::coherence {
namespace {

audit_row row(std::string id)
{
    audit_row r;
    r.what.id = std::move(id);
    return r;
}

void end(audit_row& r) { r.state = append_state::applied; }

append_state state_of(const audit& a, const std::string& id)
{
    const auto found = a.find(id);
    return found ? found->state : append_state::refused;
}

TEST(Audit, WhatIsMergedEndsWithTheOneThatItWasMergedInto)
{
    audit a;
    for (const char* id : {"first", "other", "second"}) { a.add(row(id)); }
    a.merge("second", "first");
    a.settle("first", end);
    EXPECT_EQ(state_of(a, "first"), append_state::applied);
    EXPECT_EQ(state_of(a, "second"), append_state::applied);
    EXPECT_EQ(state_of(a, "other"), append_state::pending);
    EXPECT_EQ(a.find("first")->coalesced, 1u);
    EXPECT_EQ(a.find("second")->merged_into, "first");
}

TEST(Audit, ItEndsAlsoWhenTheOtherIsNotRememberedAnyMore)
{
    audit a(3);
    for (const char* id : {"first", "second"}) { a.add(row(id)); }
    a.merge("second", "first");
    for (const char* id : {"third", "fourth"}) { a.add(row(id)); }
    EXPECT_FALSE(a.find("first"));
    a.settle("first", end);
    EXPECT_EQ(state_of(a, "second"), append_state::applied);
}

TEST(Audit, WhatIsForgottenIsNotTakenForAnotherRow)
{
    audit a(2);
    for (const char* id : {"first", "second"}) { a.add(row(id)); }
    a.merge("second", "first");
    for (const char* id : {"third", "fourth", "fifth"}) { a.add(row(id)); }
    a.settle("first", end);
    EXPECT_EQ(state_of(a, "fourth"), append_state::pending);
    EXPECT_EQ(state_of(a, "fifth"), append_state::pending);
}

}  // namespace
}  // namespace tiercel::coherence
