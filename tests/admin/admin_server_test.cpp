#include "admin/admin_server.hpp"

#include "admin/fake_source.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>
#include <httplib.h>

#include <filesystem>
#include <stdexcept>
#include <unistd.h>

namespace tiercel::admin {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

// Sends bytes as they are and reads until the server closes.
std::string talk(asio::ip::tcp::socket& s, std::string_view bytes)
{
    boost::system::error_code ec;
    asio::write(s, asio::buffer(bytes.data(), bytes.size()), ec);
    std::string all;
    asio::read(s, asio::dynamic_buffer(all), ec);
    return all;
}

struct AdminServer : testing::Test {
    fake_source source;
    asio::io_context context;

    asio::ip::tcp::socket connect(const admin_server& s)
    {
        asio::ip::tcp::socket socket(context);
        socket.connect({asio::ip::make_address("127.0.0.1"), s.port()});
        return socket;
    }
    std::string talk_to(const admin_server& s, std::string_view bytes)
    {
        auto socket = connect(s);
        return talk(socket, bytes);
    }
};

TEST_F(AdminServer, AnswersOverOneConnectionUntilStopped)
{
    admin_server server({.listen = "127.0.0.1:0", .tokens = {}}, source);
    ASSERT_FALSE(server.start());
    httplib::Client client("127.0.0.1", server.port());
    client.set_keep_alive(true);

    const auto live = client.Get("/livez");
    ASSERT_TRUE(live);
    EXPECT_EQ(live->status, 200);
    EXPECT_EQ(live->body, R"({"status":"ok"})");
    const auto metrics = client.Get("/metrics");
    ASSERT_TRUE(metrics);
    EXPECT_EQ(metrics->body, "tiercel_up 1\n");
    EXPECT_EQ(metrics->get_header_value("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_EQ(metrics->get_header_value("Cache-Control"), "no-store");
    const auto head = client.Head("/metrics");
    ASSERT_TRUE(head);
    EXPECT_EQ(head->status, 200);
    EXPECT_EQ(head->get_header_value("Content-Length"), "13");
    const auto wrong = client.Post("/metrics", "body", "text/plain");
    ASSERT_TRUE(wrong);
    EXPECT_EQ(wrong->status, 405);

    server.stop();
    EXPECT_FALSE(client.Get("/livez"));
}

TEST_F(AdminServer, AsksForTheTokenWhereOneIsNeeded)
{
    admin_server server({.listen = "127.0.0.1:0", .tokens = {{.token = "sesame", .role = role::read, .tenant = {}}}}, source);
    ASSERT_FALSE(server.start());
    httplib::Client client("127.0.0.1", server.port());

    EXPECT_EQ(client.Get("/livez")->status, 200);
    EXPECT_EQ(client.Get("/readyz")->status, 200);
    EXPECT_EQ(client.Get("/v1/status")->status, 401);
    EXPECT_EQ(client.Get("/v1/status", {{"Authorization", "Bearer sesame"}})->status, 200);
    EXPECT_EQ(client.Get("/v1/status", {{"Authorization", "Bearer sesam"}})->status, 401);
}

TEST_F(AdminServer, AnswersPipelinedRequestsInOrder)
{
    admin_server server({.listen = "127.0.0.1:0", .tokens = {}}, source);
    ASSERT_FALSE(server.start());
    const auto all = talk_to(server, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
                                     "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    const auto first = all.find("\"status\":\"ok\"");
    const auto second = all.find("tiercel_up 1");
    ASSERT_NE(first, all.npos);
    ASSERT_NE(second, all.npos);
    EXPECT_LT(first, second);
}

TEST_F(AdminServer, RefusesWhatIsTooLargeOrMalformedAndCloses)
{
    admin_server server({.listen = "127.0.0.1:0", .tokens = {}}, source, {.header_bytes = 512, .body_bytes = 100});
    ASSERT_FALSE(server.start());
    struct {
        std::string bytes;
        const char* status;
    } const cases[] = {
        {"GET /livez HTTP/1.1\r\nX: " + std::string(600, 'x') + "\r\n\r\n", "HTTP/1.1 431 "},
        {"POST /livez HTTP/1.1\r\nContent-Length: 101\r\n\r\n", "HTTP/1.1 413 "},
        {"nonsense\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /livez HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 400 "},
    };
    for (const auto& c : cases) {
        const auto all = talk_to(server, c.bytes);
        EXPECT_TRUE(all.starts_with(c.status)) << c.status << "\n" << all;
        EXPECT_NE(all.find("Connection: close"), all.npos);
        EXPECT_NE(all.find("application/problem+json"), all.npos);
    }
}

TEST_F(AdminServer, TellsASlowRequestSoAndDropsAnIdleConnectionSilently)
{
    admin_server server({.listen = "127.0.0.1:0", .tokens = {}}, source, {.head = 30ms, .keep_alive = 30ms, .write = 1s});
    ASSERT_FALSE(server.start());
    EXPECT_TRUE(talk_to(server, "GET /livez HT").starts_with("HTTP/1.1 408 "));
    EXPECT_EQ(talk_to(server, ""), "");
}

TEST_F(AdminServer, BeyondItsConnectionsAnswers503)
{
    admin_server server({.listen = "127.0.0.1:0", .tokens = {}}, source, {.connections = 1});
    ASSERT_FALSE(server.start());
    httplib::Client first("127.0.0.1", server.port());
    first.set_keep_alive(true);
    ASSERT_EQ(first.Get("/livez")->status, 200);

    const auto refused = talk_to(server, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_TRUE(refused.starts_with("HTTP/1.1 503 ")) << refused;
    EXPECT_NE(refused.find("Retry-After: 1"), refused.npos);
    EXPECT_EQ(first.Get("/livez")->status, 200);
}

TEST_F(AdminServer, StopsAlthoughClientsAreIdleOrInTheMiddleOfARequest)
{
    admin_server server({.listen = "127.0.0.1:0", .tokens = {}}, source);
    ASSERT_FALSE(server.start());
    httplib::Client idle("127.0.0.1", server.port());
    idle.set_keep_alive(true);
    ASSERT_EQ(idle.Get("/livez")->status, 200);
    auto half = connect(server);
    asio::write(half, asio::buffer(std::string_view("GET /livez HTTP/1.1\r\n")));
    EXPECT_EQ(idle.Get("/livez")->status, 200);   // the half request has been read by now or will be at stop

    const auto before = std::chrono::steady_clock::now();
    server.stop();
    EXPECT_LT(std::chrono::steady_clock::now() - before, 4s);
    server.stop();
    EXPECT_EQ(server.port(), 0);
    ASSERT_FALSE(server.start());
    EXPECT_NE(server.port(), 0);
}

TEST_F(AdminServer, ASourceThatThrowsMakesA500AndNothingElse)
{
    struct broken final : admin_source {
        void operate(operation, operation_handler) override { throw std::runtime_error("no"); }
        std::vector<dependency> dependencies() const override { throw std::runtime_error("secret detail"); }
        std::string metrics_text() const override { return {}; }
        std::string status_json() const override { return {}; }
        std::string config_json() const override { return {}; }
        std::string origins_json() const override { return {}; }
        bool hold_breaker(std::string_view, std::string_view, breaker_hold) override { return false; }
    } bad;
    admin_server server({.listen = "127.0.0.1:0", .tokens = {}}, bad);
    ASSERT_FALSE(server.start());
    httplib::Client client("127.0.0.1", server.port());
    const auto rs = client.Get("/readyz");
    ASSERT_TRUE(rs);
    EXPECT_EQ(rs->status, 500);
    EXPECT_EQ(rs->body.find("secret"), std::string::npos);
    EXPECT_EQ(client.Get("/livez")->status, 200);
}

TEST_F(AdminServer, ReportsAPortThatIsTaken)
{
    admin_server first({.listen = "127.0.0.1:0", .tokens = {}}, source);
    ASSERT_FALSE(first.start());
    admin_server second({.listen = "127.0.0.1:" + std::to_string(first.port()), .tokens = {}}, source);
    EXPECT_EQ(second.start(), boost::system::errc::address_in_use);
}

TEST_F(AdminServer, ListensOnAUnixSocketAndReplacesALeftoverButNotALivingOne)
{
    const auto folder = std::filesystem::temp_directory_path() / ("tiercel-admin-" + std::to_string(::getpid()));
    std::filesystem::create_directory(folder);
    const auto path = (folder / "admin.sock").string();
    {
        asio::local::stream_protocol::acceptor dead(context, path);   // leaves its file
    }
    ASSERT_TRUE(std::filesystem::exists(path));
    admin_server server({.listen = "unix:" + path, .tokens = {}}, source);
    ASSERT_FALSE(server.start());
    EXPECT_EQ(std::filesystem::status(path).permissions() & std::filesystem::perms::others_all, std::filesystem::perms::none);

    asio::local::stream_protocol::socket s(context);
    s.connect(path);
    asio::write(s, asio::buffer(std::string_view("GET /livez HTTP/1.0\r\n\r\n")));
    std::string all;
    boost::system::error_code ec;
    asio::read(s, asio::dynamic_buffer(all), ec);
    EXPECT_NE(all.find("200 OK"), all.npos);

    admin_server other({.listen = "unix:" + path, .tokens = {}}, source);
    EXPECT_EQ(other.start(), boost::system::errc::address_in_use);
    server.stop();
    EXPECT_FALSE(std::filesystem::exists(path));
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tiercel::admin
