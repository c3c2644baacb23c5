#include "http/event_stream.hpp"

#include "http/heads.hpp"

#include <gtest/gtest.h>

namespace tiercel {
namespace {

TEST(EventStream, IsKnownByItsType)
{
    for (const char* type : {"text/event-stream", "Text/Event-Stream", "text/event-stream;charset=utf-8", "text/event-stream ; a=b"}) {
        const made_response rs{{"Content-Type", type}};
        EXPECT_TRUE(is_event_stream(rs)) << type;
    }
    for (const char* type : {"text/plain", "text/event-streams", "text/event", "", "text/plain; a=text/event-stream"}) {
        const made_response rs{{"Content-Type", type}};
        EXPECT_FALSE(is_event_stream(rs)) << type;
    }
    const made_response none{{"X", "text/event-stream"}};
    EXPECT_FALSE(is_event_stream(none));
}

TEST(EventStream, IsWantedByWhoAcceptsNothingElse)
{
    for (const char* accept : {"text/event-stream", "TEXT/event-stream", "text/event-stream;q=1"}) {
        const made_request rq{{"X", "y"}, {"accept", accept}};
        EXPECT_TRUE(wants_event_stream(rq)) << accept;
    }
    for (const char* accept : {"*/*", "text/html, text/event-stream", "text/event-stream, text/html", ""}) {
        const made_request rq{{"Accept", accept}};
        EXPECT_FALSE(wants_event_stream(rq)) << accept;
    }
}

}  // namespace
}  // namespace tiercel
