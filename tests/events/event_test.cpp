#include "events/event.hpp"

#include <gtest/gtest.h>

namespace tiercel::events {
namespace {

constexpr std::string_view cloud = R"({"specversion":"1.0","id":"e1","source":"/shop","type":"project.updated.v2","time":"2026-11-25T05:00:00.25Z",
    "tenantid":"t1","subject":"p/7","unknown":[1],"data":{"projectId":7,"name":"x","deep":{"flag":true},"changedFields":["a","b"]}})";

TEST(Event, IsReadFromACloudEventWhateverElseIsInIt)
{
    const event_read r = read_event(cloud);
    ASSERT_TRUE(r.good) << r.problem;
    EXPECT_EQ(r.good->key(), "5:/shope1");
    EXPECT_EQ(r.good->type, "project.updated.v2");
    EXPECT_EQ(r.good->version, "2");
    EXPECT_EQ(r.good->tenant, "t1");
    EXPECT_EQ(r.good->time, 1795582800250000);
    EXPECT_EQ(value_at(*r.good, "data.projectId"), "7");
    EXPECT_EQ(value_at(*r.good, "data.deep.flag"), "true");
    EXPECT_EQ(value_at(*r.good, "subject"), "p/7");
    EXPECT_EQ(changed_fields(*r.good), (std::vector<std::string>{"a", "b"}));
}

TEST(Event, IsReadFromTheSecondEnvelope)
{
    const event_read r = read_event(R"({"eventId":"9","eventType":"user.deleted","timestamp":"2026-11-25T06:00:00+01:00","aggregateId":"u1",
        "payload":{"tenantId":"acme","id":"u1"}})");
    ASSERT_TRUE(r.good) << r.problem;
    EXPECT_EQ(r.good->id, "9");
    EXPECT_EQ(r.good->tenant, "acme");
    EXPECT_EQ(r.good->subject, "u1");
    EXPECT_EQ(r.good->time, 1795582800000000);
    EXPECT_EQ(value_at(*r.good, "data.id"), "u1");
}

TEST(Event, IsNamedBySourceAndIdSuchThatNoOtherPairHasItsName)
{
    event one;
    one.source = "a";
    one.id = "b/c";
    event other;
    other.source = "a/b";
    other.id = "c";
    EXPECT_NE(one.key(), other.key());
}

TEST(Event, SaysWhatIsWrongWithWhatIsNone)
{
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"{", "not JSON"},
        {"[]", "not a JSON object"},
        {R"({"specversion":"2.0","id":"1","source":"s","type":"t"})", "specversion"},
        {R"({"specversion":"1.0","source":"s","type":"t"})", "no id"},
        {R"({"specversion":"1.0","id":"","source":"s","type":"t"})", "no id"},
        {R"({"specversion":"1.0","id":7,"source":"s","type":"t"})", "the id is not a string"},
        {R"({"eventId":true,"eventType":"t"})", "the id is not a string"},
        {R"({"specversion":"1.0","id":"1","source":"s","type":{}})", "the type is not a string"},
        {R"({"specversion":"1.0","id":"1","source":7,"type":"t"})", "the source is not a string"},
        {R"({"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"e30=","data":{}})", "both data and data_base64"},
        {R"({"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"{}"})", "data_base64 is not base64"},
        {R"({"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":7})", "data_base64 is not base64"},
        {R"({"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"AQID"})", "data_base64 does not hold JSON"},
        {R"({"specversion":"1.0","id":"1","type":"t"})", "no source"},
        {R"({"specversion":"1.0","id":"1","source":"s"})", "no type"},
        {R"({"id":"1"})", "neither"},
        {R"({"specversion":"1.0","id":"1","source":"s","type":"tiercel.invalidate.v9"})", "version"},
    };
    for (const auto& [text, problem] : cases) {
        const event_read r = read_event(text);
        EXPECT_FALSE(r.good) << text;
        EXPECT_NE(r.problem.find(problem), std::string::npos) << r.problem;
    }
}

TEST(Event, HasNamesOfAThousandCharactersAtMost)
{
    const auto with_id_of = [](std::size_t n) {
        return read_event(R"({"specversion":"1.0","source":"s","type":"t","id":")" + std::string(n, 'x') + "\"}");
    };
    EXPECT_TRUE(with_id_of(1'024).good);
    EXPECT_EQ(with_id_of(1'025).problem, "the id is longer than 1,024 characters");
}

TEST(Event, MayCarryItsDataInBase64)
{
    const event_read r = read_event(R"({"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"eyJpZCI6NywidGVuYW50IjoiYWNtZSJ9"})");
    ASSERT_TRUE(r.good) << r.problem;
    EXPECT_EQ(value_at(*r.good, "data.id"), "7");
    EXPECT_EQ(r.good->tenant, "acme");
    EXPECT_TRUE(read_event(R"({"specversion":"1.0","id":"1","source":"s","type":"t","datacontenttype":"image/png","data_base64":"AQID"})").good)
        << "data that nobody here looks into";
}

TEST(EventTemplate, NamesWhatIsMissingAndGuessesNothing)
{
    const event e = *read_event(cloud).good;
    EXPECT_EQ(expand("project/{data.projectId}", e).text, "project/7");
    EXPECT_EQ(expand("plain", e).text, "plain");
    EXPECT_FALSE(expand("x/{data.none}", e).text);
    EXPECT_EQ(expand("x/{data.none}", e).missing, "no data.none");
    EXPECT_EQ(expand("{data.changedFields}", e).missing, "a list of data.changedFields, where one value is needed");
    EXPECT_FALSE(expand("{data.deep}", e).text) << "no text";
    EXPECT_FALSE(problem_of_event_template("a{id}c{data.e.f}"));
    for (const std::string_view bad : {"{", "}", "{}", "{id", "id}b", "{{id}}"}) { EXPECT_TRUE(problem_of_event_template(bad)) << bad; }
    for (const std::string_view bad : {"{projectId}", "{date.id}", "{data}", "{data.}", "{data..x}", "{id.x}"}) {
        EXPECT_TRUE(problem_of_event_template(bad)) << bad;
    }
}

TEST(EventTemplate, MakesATextOfEveryItemOfAList)
{
    const event e = *read_event(R"({"specversion":"1.0","id":"1","source":"s","type":"t","data":{"ids":[1,"b",true],"none":[],"odd":[1,null],
        "items":[{"id":"x","tags":["p","q"]},{"id":"y","tags":["r"]}],"half":[{"id":1},{}],"type":"z"}})").good;
    const auto texts = [&](std::string_view t) { return expand_all(t, e, 100).texts; };
    using list = std::vector<std::string>;
    EXPECT_EQ(texts("p-{data.ids}"), (list{"p-1", "p-b", "p-true"}));
    EXPECT_EQ(texts("{data.type}/{data.items.id}"), (list{"z/x", "z/y"}));
    EXPECT_EQ(texts("{data.items.tags}"), (list{"p", "q", "r"}));
    EXPECT_EQ(texts("{data.items.id}{data.ids}"), (list{"x1", "xb", "xtrue", "y1", "yb", "ytrue"}));
    EXPECT_EQ(texts("plain"), list{"plain"});
    EXPECT_EQ(texts("{data.none}"), list{});
    EXPECT_TRUE(expand_all("{data.none}", e, 100).missing.empty()) << "an empty list is there";
    for (const std::string_view bad : {"{data.odd}", "{data.half.id}", "{data.items}", "{data.no}", "{data.type.x}"}) {
        EXPECT_FALSE(expand_all(bad, e, 100).missing.empty()) << bad;
    }
    EXPECT_EQ(expand_all("{data.items.id}{data.ids}", e, 5).missing, "too many data.ids");
    EXPECT_EQ(expand_all("{data.ids}", e, 2).missing, "too many data.ids");
}

TEST(EventTime, IsStrict)
{
    EXPECT_EQ(read_time("1970-01-01T00:00:01Z"), 1'000'000);
    for (const std::string_view bad : {"", "1970-01-01", "1970-13-01T00:00:00Z", "1970-01-01T25:00:00Z", "1970-01-01T00:00:00", "1970-01-01T00:00:00+1"}) {
        EXPECT_FALSE(read_time(bad)) << bad;
    }
}

}  // namespace
}  // namespace tiercel::events
