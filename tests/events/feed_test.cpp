#include "events/feed.hpp"

#include "events/event.hpp"

#include <gtest/gtest.h>

namespace tiercel::events {
namespace {

using enum feed_cursor;

std::string event(const std::string& id, const std::string& time = {})
{
    return R"({"specversion":"1.0","source":"/s","type":"t","id":")" + id + R"(")" + (time.empty() ? "" : R"(,"time":")" + time + R"(")") + "}";
}

feed_page page_of(feed_cursor kind, std::initializer_list<std::string> events)
{
    std::string body;
    for (const std::string& e : events) { body += (body.empty() ? "[" : ",") + e; }
    return read_feed_page(body.empty() ? "[]" : body + "]", kind);
}

TEST(FeedPage, HoldsBothEnvelopesAndWhereTheyLead)
{
    const feed_page p = page_of(id, {event("1"), R"({"eventId":"2","eventType":"t","timestamp":"2026-11-25T05:00:00Z"})", "7"});
    ASSERT_EQ(p.events.size(), 3u);
    EXPECT_EQ(p.events[0].mark, "1");
    EXPECT_EQ(p.events[1].mark, "2");
    EXPECT_EQ(p.events[1].time, read_time("2026-11-25T05:00:00Z"));
    EXPECT_EQ(p.events[2].mark, "") << "what is no event leads nowhere, and goes to the dead letters";
    EXPECT_TRUE(read_event(p.events[0].text).good);
}

TEST(FeedPage, IsNothingButAnArrayOfReasonableSize)
{
    for (const std::string body : {"", "{}", "[", "[1e400]", R"([{"a":[{"b":-1e999}]}])", "null"}) {
        EXPECT_FALSE(read_feed_page(body, id).problem.empty()) << body;
    }
    EXPECT_TRUE(read_feed_page("[]", id).problem.empty());
    std::string many = "[0";
    for (std::size_t i = 1; i < most_events_on_page; ++i) { many += ",0"; }
    EXPECT_TRUE(read_feed_page(many + "]", id).problem.empty());
    EXPECT_FALSE(read_feed_page(many + ",0]", id).problem.empty());
}

std::string moved(feed_cursor kind, const std::string& cursor, const feed_page& page)
{
    return moved_cursor(kind, cursor, page, *read_time("2026-11-25T07:00:00Z"));
}

TEST(FeedCursor, ByIdIsTheLastOfThePage)
{
    EXPECT_EQ(moved(id, "5", page_of(id, {event("9"), event("7")})), "7");
    EXPECT_EQ(moved(id, "5", page_of(id, {event("6"), "{}"})), "6");
    EXPECT_EQ(moved(id, "5", page_of(id, {})), "5");
}

TEST(FeedCursor, ByTimeIsTheLatestAsTheFeedHasWrittenItAndNeverGoesBack)
{
    const std::string now = "2026-11-25T05:00:00Z";
    EXPECT_EQ(moved(time, now, page_of(time, {event("1", "2026-11-25T05:00:02.5Z"), event("2", "2026-11-25T05:00:01Z")})), "2026-11-25T05:00:02.5Z");
    EXPECT_EQ(moved(time, now, page_of(time, {event("1", "2026-11-25T04:59:59Z"), event("2")})), now);
    EXPECT_EQ(moved(time, now, page_of(time, {event("1", "2026-11-25T06:00:00+01:00")})), now) << "the same moment";
    EXPECT_EQ(moved(time, "", page_of(time, {event("1", now)})), now);
}

TEST(FeedCursor, ByTimeIsNotLedAheadOfTheClockByOneWrongStamp)
{
    const std::string now = "2026-11-25T05:00:00Z";
    const std::string wrong = event("1", "2099-01-01T00:00:00Z");
    EXPECT_EQ(moved(time, now, page_of(time, {wrong})), now);
    EXPECT_EQ(moved(time, now, page_of(time, {wrong, event("2", "2026-11-25T07:00:00Z")})), "2026-11-25T07:00:00Z");
    EXPECT_EQ(moved(id, "5", page_of(id, {wrong})), "1") << "stamps are not looked at";
}

TEST(FeedTarget, HasTheCursorBesideTheQueryThatItHas)
{
    EXPECT_EQ(feed_target("/changes", "lastEventId", ""), "/changes");
    EXPECT_EQ(feed_target("/changes", "lastEventId", "a/b c&d"), "/changes?lastEventId=a%2Fb%20c%26d");
    EXPECT_EQ(feed_target("/changes?topic=x", "since", "2026-11-25T06:00:00+01:00"), "/changes?topic=x&since=2026-11-25T06%3A00%3A00%2B01%3A00");
}

TEST(FeedTarget, FollowsTheLinkToTheNextPage)
{
    const auto next = [](const std::string& link) { return next_target({link}, "feed.example:81", "/a/changes?since=1"); };
    EXPECT_EQ(next("</a/changes?page=2>; rel=\"next\""), "/a/changes?page=2");
    EXPECT_EQ(next("<?page=2>;rel=next"), "/a/changes?page=2");
    EXPECT_EQ(next("<x>; rel=prev, <y>; title=\"a, <z>; rel=next\"; REL=\"last Next\""), "/a/y");
    EXPECT_EQ(next("<http://feed.example:81/b>; rel=next"), "/b");
    EXPECT_EQ(next("<https://FEED.example:81?c>; rel=next"), "/?c");
    EXPECT_EQ(next("<x>; rel=prev; rel=next"), std::nullopt) << "only the first counts";
    EXPECT_EQ(next("<x>; rel=nextish"), std::nullopt);
    EXPECT_EQ(next(""), std::nullopt);
    EXPECT_EQ(next("<x"), std::nullopt);
    for (const std::string elsewhere : {"<http://other.example/b>", "<http://feed.example:812/b>", "<//other/b>", "<ftp://feed.example:81/>", "<a b>"}) {
        EXPECT_EQ(next(elsewhere + "; rel=next"), "") << elsewhere;
    }
    EXPECT_EQ(next_target({"<a>; rel=prev", "<b>; rel=next"}, "h", "/"), "/b");
    EXPECT_EQ(next_target({"<https://H:443/b?c>; rel=next"}, "h", "/"), "/b?c") << "the usual port, and capitals";
    EXPECT_EQ(next_target({"<http://h:80>; rel=next"}, "h", "/"), "/");
    EXPECT_EQ(next_target({"<b>; rel=next"}, "h:80", "/"), "/b");
    EXPECT_EQ(next_target({"<http://h.evil/b>; rel=next"}, "h", "/"), "");
    EXPECT_EQ(next_target({"<http://u@h/b>; rel=next"}, "h", "/"), "");
}

TEST(FeedStamp, IsReadAgainAsTheSameMoment)
{
    const auto t = *read_time("2026-11-25T05:06:07.089Z");
    EXPECT_EQ(stamp_of(t), "2026-11-25T05:06:07.089Z");
    EXPECT_EQ(stamp_of(t + 999), "2026-11-25T05:06:07.089Z");
}

}  // namespace
}  // namespace tiercel::events
