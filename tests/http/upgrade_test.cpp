#include "http/upgrade.hpp"

#include "http/heads.hpp"

#include <gtest/gtest.h>

namespace tiercel {
namespace {

using lines = made_request::lines;

std::string asked_by(const lines& fields, const std::vector<std::string>& allowed = {"*"}, int minor = 1)
{
    const made_request made(fields);
    request_head rq = made;
    rq.minor_version = minor;
    std::string out;
    append_upgrades(out, rq, allowed);
    return out;
}

TEST(Upgrade, IsAskedForAsTheClientAsks)
{
    EXPECT_EQ(asked_by({{"Connection", "Upgrade"}, {"Upgrade", "websocket"}}), "websocket");
    EXPECT_EQ(asked_by({{"Connection", "keep-alive, UPGRADE"}, {"Upgrade", "WebSocket"}}), "WebSocket");
    EXPECT_EQ(asked_by({{"Connection", "upgrade"}, {"Upgrade", "a/1, \tb ,,"}, {"Upgrade", "c"}}), "a/1, b, c");
}

TEST(Upgrade, IsNothingUnlessItIsAskedForProperly)
{
    EXPECT_EQ(asked_by({{"Upgrade", "websocket"}}), "");                                      // not meant for this hop
    EXPECT_EQ(asked_by({{"Connection", "close"}, {"Upgrade", "websocket"}}), "");
    EXPECT_EQ(asked_by({{"Connection", "upgrade"}}), "");
    EXPECT_EQ(asked_by({{"Connection", "upgrade"}, {"Upgrade", " , "}}), "");
    EXPECT_EQ(asked_by({{"Connection", "upgrade"}, {"Upgrade", "websocket"}}, {"*"}, 0), "");   // RFC 9110 §7.8
}

TEST(Upgrade, ToAProtocolThatCarriesRequestsIsNeverAskedFor)
{
    for (const char* protocol : {"h2c", "H2C", "h2", "h3", "HTTP/2.0", "http/3", "http", "TLS/1.0", "tls"}) {
        EXPECT_EQ(asked_by({{"Connection", "upgrade"}, {"Upgrade", protocol}}), "") << protocol;
        EXPECT_EQ(asked_by({{"Connection", "upgrade"}, {"Upgrade", protocol}}, {protocol, "*"}), "") << protocol;
        EXPECT_EQ(asked_by({{"Connection", "upgrade"}, {"Upgrade", std::string(protocol) + ", websocket"}}), "websocket") << protocol;
    }
}

TEST(Upgrade, IsAskedForOnlyWhereItIsAllowed)
{
    const lines both{{"Connection", "upgrade"}, {"Upgrade", "chat/2, websocket"}};
    EXPECT_EQ(asked_by(both, {}), "");
    EXPECT_EQ(asked_by(both, {"WebSocket"}), "websocket");
    EXPECT_EQ(asked_by(both, {"chat"}), "chat/2");
    EXPECT_EQ(asked_by(both, {"chat/1"}), "");
}

TEST(Upgrade, OfSomethingThatIsNoProtocolIsLeftOut)
{
    for (const char* odd : {"web socket", "a/", "/1", "a/b/c", "a;b", "\"a\"", "a\x80"}) {
        EXPECT_EQ(asked_by({{"Connection", "upgrade"}, {"Upgrade", odd}}), "") << odd;
    }
}

bool answers(const made_response::lines& fields, std::string_view asked, int minor = 1)
{
    const made_response made(fields);
    response_head rs = made;
    rs.status = 101;
    rs.minor_version = minor;
    return switches_as_asked(rs, asked);
}

TEST(Upgrade, IsAnsweredByWhatWasAskedForAlone)
{
    EXPECT_TRUE(answers({{"Connection", "Upgrade"}, {"Upgrade", "WebSocket"}}, "websocket"));
    EXPECT_TRUE(answers({{"Connection", "a, upgrade"}, {"Upgrade", "c"}}, "b, c"));
    EXPECT_TRUE(answers({{"Connection", "upgrade"}, {"Upgrade", "b"}, {"Upgrade", "c"}}, "b, c"));
    EXPECT_FALSE(answers({{"Connection", "upgrade"}, {"Upgrade", "websocket"}}, ""));
    EXPECT_FALSE(answers({{"Connection", "upgrade"}, {"Upgrade", "h2c"}}, "websocket"));
    EXPECT_FALSE(answers({{"Connection", "upgrade"}, {"Upgrade", "websocket, h2c"}}, "websocket"));
    EXPECT_FALSE(answers({{"Connection", "upgrade"}, {"Upgrade", "c/2"}}, "c/1"));
    EXPECT_FALSE(answers({{"Connection", "upgrade"}}, "websocket"));
    EXPECT_FALSE(answers({{"Connection", "upgrade"}, {"Upgrade", ""}}, "websocket"));
    EXPECT_FALSE(answers({{"Upgrade", "websocket"}}, "websocket"));
    EXPECT_FALSE(answers({{"Connection", "upgrade"}, {"Upgrade", "websocket"}}, "websocket", 0));
}

}  // namespace
}  // namespace tiercel
