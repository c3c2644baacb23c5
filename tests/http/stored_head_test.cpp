#include "http/stored_head.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tiercel {
namespace {

using namespace std::string_literals;

const std::string line = "HTTP/1.1 200 OK\r\n";
const std::string length = "Content-Length: 5\r\n";

bool is_sound(std::string_view head) { return is_stored_head(head, 200, 5, {}); }

TEST(StoredHead, IsWhatTheProxyWrites)
{
    EXPECT_TRUE(is_sound(line + length));
    EXPECT_TRUE(is_sound(line + "Content-Type: text/plain\r\nX-Empty: \r\nX-High: \xc3\xa4\r\nVia: 1.1 tiercel\r\n" + length));
    EXPECT_TRUE(is_sound("HTTP/1.1 200 \r\n" + length)) << "a reason may be empty";
    EXPECT_TRUE(is_sound(line + "Cache-Status: nearer; hit\r\nContent-Range: bytes 0-4/5\r\n" + length)) << "of the origin, and harmless";
    EXPECT_TRUE(is_stored_head("HTTP/1.1 599 What\r\n" + length, 599, 5, {}));
    EXPECT_TRUE(is_stored_head("HTTP/1.1 204 No Content\r\nETag: \"x\"\r\n", 204, 0, "\"x\""));
}

TEST(StoredHead, IsOneHeadInOnePiece)
{
    for (const std::string& bad : {""s, "\r\n"s, "HTTP/1.1 200 OK"s, line + "\r\n" + length, line + length + "\r\n",
                                   line + length + "\r\nHTTP/1.1 200 OK\r\n" + length, line + length + "X: y", line + length + "X: y\n",
                                   line + "X: a\nY: b\r\n" + length, line + "X: a\rY: b\r\n" + length, line + "X: a\0b\r\n"s + length,
                                   line + "X: \x7f\r\n" + length, line + "X: a\r\n b\r\n" + length, line + "no colon\r\n" + length,
                                   line + ": y\r\n" + length, line + "X : y\r\n" + length, "HTTP/1.1 200 O\x01K\r\n" + length,
                                   " " + line + length, "HTTP/1.0 200 OK\r\n" + length, "HTTP/2 200 OK\r\n" + length}) {
        EXPECT_FALSE(is_sound(bad)) << bad;
    }
}

TEST(StoredHead, HasItsLinesInTheFormThatIsReadLater)
{
    for (const char* bad : {"X:y\r\n", "X:\r\n", "X:  y\r\n", "X: y \r\n", "X:\ty\r\n", "X: y\t\r\n"}) {
        EXPECT_FALSE(is_sound(line + bad + length)) << bad;
    }
}

TEST(StoredHead, SaysNothingOfTheConnectionAndNothingThatIsSaidAnew)
{
    for (const char* name : {"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization",
                             "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "transfer-encoding", "Upgrade", "Age", "X-Request-ID"}) {
        EXPECT_FALSE(is_sound(line + name + ": x\r\n" + length)) << name;
    }
}

TEST(StoredHead, HasTheLengthOfTheContent)
{
    for (const char* bad : {"", "Content-Length: 4\r\n", "Content-Length: 6\r\n", "Content-Length: \r\n", "Content-Length: +5\r\n",
                            "Content-Length: 5, 5\r\n", "Content-Length: 5\r\nContent-Length: 5\r\n", "content-length: 50\r\n"}) {
        EXPECT_FALSE(is_sound(line + bad)) << bad;
    }
    EXPECT_FALSE(is_stored_head("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n", 204, 0, {}));
    EXPECT_FALSE(is_stored_head("HTTP/1.1 204 No Content\r\n", 204, 5, {}));
}

TEST(StoredHead, HasAStatusThatIsStored)
{
    EXPECT_FALSE(is_stored_head(line + length, 203, 5, {})) << "the entry says another";
    for (const int status : {100, 101, 103, 199, 206, 304, 600, 999}) {
        EXPECT_FALSE(is_stored_head("HTTP/1.1 " + std::to_string(status) + " X\r\n" + length, status, 5, {})) << status;
    }
}

// It is sent to the origin with If-None-Match.
TEST(StoredHead, HasTheTagThatIsKeptBesideIt)
{
    EXPECT_TRUE(is_stored_head(line + "ETag: \"x\"\r\n" + length, 200, 5, "\"x\""));
    EXPECT_TRUE(is_stored_head(line + length, 200, 5, "\"x\"")) << "no-cache=\"etag\"";
    EXPECT_FALSE(is_stored_head(line + "ETag: \"x\"\r\n" + length, 200, 5, "\"y\""));
    EXPECT_FALSE(is_stored_head(line + "ETag: \"x\"\r\n" + length, 200, 5, {}));
    EXPECT_FALSE(is_stored_head(line + length, 200, 5, "\"x\"\r\nX-Evil: 1"));
    EXPECT_FALSE(is_stored_head(line + length, 200, 5, "\"x\" "));
    EXPECT_FALSE(is_stored_head(line + length, 200, 5, "\"x\0\""s));
}

}  // namespace
}  // namespace tiercel
