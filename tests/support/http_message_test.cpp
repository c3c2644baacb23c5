#include "support/raw_client.hpp"

#include <gmock/gmock.h>

#include <sys/socket.h>

#include <thread>

using namespace tiercel::test;
using testing::ElementsAre;

namespace {

// Serves one connection: reads a head, writes the bytes, closes.
class one_answer {
public:
    explicit one_answer(std::string bytes)
        : listener_(listen_on_loopback()), thread_([this, bytes = std::move(bytes)] { serve(bytes); })
    {
    }
    ~one_answer() { thread_.join(); }
    std::uint16_t port() const { return port_of(listener_); }

private:
    void serve(const std::string& bytes)
    {
        if (!wait_readable(listener_.get(), after(default_timeout))) { return; }
        byte_stream s(unique_fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
        s.read_until("\r\n\r\n", 4096);
        s.try_send(bytes);
    }

    unique_fd listener_;
    std::thread thread_;
};

http_response answer_to(const std::string& method, const std::string& bytes)
{
    const one_answer server(bytes);
    return raw_client(server.port()).request(method, "/");
}

}  // namespace

TEST(ReadResponse, ReadsEveryFraming)
{
    EXPECT_EQ(answer_to("GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd").body, "abc");
    const char* chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
    EXPECT_EQ(answer_to("GET", chunked).body, "abc");
    EXPECT_EQ(answer_to("GET", "HTTP/1.0 200 \r\n\r\nabc").body, "abc");
    EXPECT_EQ(answer_to("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n").body, "");
    EXPECT_EQ(answer_to("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n").body, "");
}

TEST(ReadResponse, KeepsOrderAndRepetitionOfFields)
{
    const http_response r = answer_to(
        "GET", "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nX: \t1 \r\nset-cookie: b\r\nContent-Length: 0\r\n\r\n");
    EXPECT_THAT(r.headers("Set-Cookie"), ElementsAre("a", "b"));
    EXPECT_EQ(r.header("x"), "1");
    EXPECT_EQ(r.reason, "OK");
}

TEST(ReadResponse, CollectsInterimAnswersAndTrailers)
{
    const http_response r = answer_to("GET", "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
                                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-T: 1\r\n\r\n");
    ASSERT_EQ(r.interim.size(), 1u);
    EXPECT_EQ(r.interim[0].status, 103);
    EXPECT_THAT(r.trailers, ElementsAre(std::pair<std::string, std::string>("X-T", "1")));
}

TEST(ReadResponse, RefusesWhatBreaksTheProtocol)
{
    const std::string body = "Content-Length: 1\r\n\r\na";
    for (const std::string& bytes : std::initializer_list<std::string>{
             "HTTP/1.1 200\r\n" + body, "HTTP/1.1 20 OK\r\n" + body, "HTTP/1.1 2000 OK\r\n" + body, "HTTP/2.0 200 OK\r\n" + body,
             "http/1.1 200 OK\r\n" + body, "HTTP/1.1 200 OK\nX: 1\r\n" + body, "HTTP/1.1 200 OK\r\nX: a\rb\r\n" + body,
             "HTTP/1.1 200 OK\r\nX : 1\r\n" + body, "HTTP/1.1 200 OK\r\nX\r\n" + body, "HTTP/1.1 200 OK\r\n: 1\r\n" + body,
             "HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n" + body, "HTTP/1.1 200 OK\r\nX: \x01\r\n" + body,
             "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" + body, "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
             "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + body,
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
             "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
         }) {
        EXPECT_THROW(answer_to("GET", bytes), protocol_error) << bytes;
    }
}

TEST(ReadResponse, TellsATruncatedBodyFromAWholeOne)
{
    EXPECT_THROW(answer_to("GET", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), peer_closed);
    EXPECT_THROW(answer_to("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), peer_closed);
    EXPECT_THROW(answer_to("GET", "HTTP/1.1 200 OK\r\nX: "), peer_closed);
}

TEST(RawClient, GivesUpAtItsDeadline)
{
    const unique_fd listener = listen_on_loopback();
    raw_client client(port_of(listener));
    client.set_timeout(std::chrono::milliseconds(30));
    EXPECT_THROW(client.get("/"), timed_out);
    EXPECT_TRUE(client.is_silent_for(std::chrono::milliseconds(10)));
}
