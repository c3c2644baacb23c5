#include "events/encodings.hpp"

#include "events/event.hpp"

#include <gtest/gtest.h>

namespace tiercel::events {
namespace {

constexpr std::string_view one = R"({"specversion":"1.0","id":"e1","source":"/shop","type":"a.b","tenantid":"t1","data":{"id":7}})";
const field_list as_fields{{"host", "x"}, {"ce-specversion", "1.0"}, {"ce-id", "e1"}, {"ce-source", "/shop"}, {"ce-type", "a.b"}, {"ce-tenantid", "t1"}};

TEST(EventEncodings, OneEventIsTheSameInEachMode)
{
    const std::pair<const char*, events_found> modes[] = {
        {"structured", find_events("application/cloudevents+json; charset=utf-8", {}, one)},
        {"structured, type in another case", find_events("Application/CloudEvents+JSON", {}, one)},
        {"plain JSON", find_events("application/json", {}, one)},
        {"batch", find_events("application/cloudevents-batch+json", {}, "[" + std::string(one) + "]")},
        {"binary", find_events("application/json", as_fields, R"({"id":7})")},
        {"structured wins over stray fields", find_events("application/cloudevents+json", {{"ce-id", "other"}}, one)},
    };
    for (const auto& [name, found] : modes) {
        SCOPED_TRACE(name);
        ASSERT_EQ(found.texts.size(), 1u) << found.problem;
        const event_read r = read_event(found.texts[0]);
        ASSERT_TRUE(r.good) << r.problem;
        EXPECT_EQ(r.good->key(), read_event(one).good->key());
        EXPECT_EQ(r.good->type, "a.b");
        EXPECT_EQ(r.good->tenant, "t1");
        EXPECT_EQ(value_at(*r.good, "data.id"), "7");
    }
}

TEST(EventEncodings, ABatchIsAllOfItsEvents)
{
    EXPECT_EQ(find_events("application/cloudevents-batch+json", {}, R"([{"a":1},2,{"b":[3]}])").texts, (std::vector<std::string>{R"({"a":1})", "2", R"({"b":[3]})"}));
    for (const std::string_view bad : {"", "[", "{}", "[]"}) {
        EXPECT_FALSE(find_events("application/cloudevents-batch+json", {}, bad).problem.empty()) << bad;
    }
}

TEST(EventEncodings, NumbersBeyondAllBoundsMakeNoEventUnreadable)
{
    const std::string e = R"({"specversion":"1.0","id":"1","source":"s","type":"t","data":{"id":7,"far":[1e400,{"x":-1e999}]}})";
    EXPECT_TRUE(read_event(e).good);
    EXPECT_TRUE(read_event(find_events("application/cloudevents-batch+json", {}, "[" + e + "]").texts.at(0)).good);
    EXPECT_TRUE(read_event(find_events("", as_fields, R"({"id":7,"far":[1e400,0e400]})").texts.at(0)).good);
}

TEST(EventEncodings, ValuesOfFieldsAreDecoded)
{
    field_list fields = as_fields;
    fields.emplace_back("ce-subject", "Euro%20%E2%82%AC 50%25 %zz %4");
    const event_read r = read_event(find_events("", fields, "").texts.at(0));
    ASSERT_TRUE(r.good) << r.problem;
    EXPECT_EQ(r.good->subject, "Euro \xE2\x82\xAC 50% %zz %4");
}

TEST(EventEncodings, WhatCouldMeanTwoThingsMeansNothing)
{
    for (const char* const twice : {"ce-id", "ce-tenantid", "ce-type"}) {
        field_list fields = as_fields;
        fields.emplace_back(twice, "other");
        EXPECT_FALSE(find_events("application/json", fields, "{}").problem.empty()) << twice;
    }
    for (const char* const odd : {"ce-data", "ce-"}) {
        field_list fields = as_fields;
        fields.emplace_back(odd, "x");
        EXPECT_FALSE(find_events("application/json", fields, "{}").problem.empty()) << odd;
    }
    EXPECT_FALSE(find_events("application/json", as_fields, "{").problem.empty());
    EXPECT_TRUE(find_events("text/plain", as_fields, "{").problem.empty()) << "data that nobody here can look into";
}

}  // namespace
}  // namespace tiercel::events
