// Origins behind TLS: nginx as it is, on the way to a server of the test.

#include "blackbox/setting.hpp"
#include "support/certificates.hpp"
#include "support/nginx_server.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <atomic>
#include <list>
#include <optional>
#include <thread>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;

// A byte that tells where it stands, so that nothing can change places unseen.
char byte_at(std::size_t at) { return static_cast<char>('a' + (at * 2654435761u >> 13) % 26); }

std::string content_of(std::size_t size)
{
    std::string s(size, '\0');
    for (std::size_t i = 0; i < size; ++i) { s[i] = byte_at(i); }
    return s;
}

// POST: tells how many bytes were as they should be. Upgrade: echoes. Anything else: a page to be kept.
class plain_server {
public:
    ~plain_server()
    {
        ::shutdown(listener_.get(), SHUT_RDWR);
        acceptor_.join();
        for (auto& c : connections_) { c.stream.interrupt(); }
        for (auto& c : connections_) { c.thread.join(); }
    }
    std::string authority() const { return "127.0.0.1:" + std::to_string(port_of(listener_)); }
    int requests() const { return requests_; }

private:
    struct connection {
        byte_stream stream;
        std::thread thread;
    };

    void accept_loop()
    {
        for (;;) {
            unique_fd fd(::accept(listener_.get(), nullptr, nullptr));
            if (!fd) { return; }
            connection& c = connections_.emplace_back();
            c.stream = byte_stream(std::move(fd));
            c.thread = std::thread([this, &c] { serve(c.stream); });
        }
    }

    void serve(byte_stream& s)
    {
        try {
            for (;;) {
                const http_request r = read_request(s, after(60s));
                ++requests_;
                if (r.has("Upgrade")) {
                    s.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
                    for (std::string got = s.read_some(); !got.empty(); got = s.read_some()) { s.send(got); }
                    return s.interrupt();
                }
                std::size_t good = 0;
                while (good < r.body.size() && r.body[good] == byte_at(good)) { ++good; }
                const std::string body = r.method == "POST" ? std::to_string(good) : content_of(300'000);
                s.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
            }
        } catch (const std::exception&) {
            s.interrupt();
        }
    }

    unique_fd listener_ = listen_on_loopback();
    std::atomic<int> requests_ = 0;
    std::list<connection> connections_;
    std::thread acceptor_{[this] { accept_loop(); }};
};

class SecureOrigins : public testing::Test {
protected:
    void SetUp() override
    {
        if (!nginx_server::available()) { GTEST_SKIP() << "nginx is not installed"; }
    }
    void start(const certificate_options& issued = {})
    {
        const auto files = authority_.issue(issued);
        const std::uint16_t port = free_port();
        nginx_.emplace(nginx_options{
            .server_directives = "listen 127.0.0.1:" + std::to_string(port) + " ssl; ssl_certificate " + files.certificate.native() +
                                 "; ssl_certificate_key " + files.key.native() + "; client_max_body_size 100m;",
            .location_directives = "proxy_pass http://" + server_.authority() + "; proxy_http_version 1.1; proxy_request_buffering off; "
                                   "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;"});
        setting s{.origin_url = "https://127.0.0.1:" + std::to_string(port)};
        s.server = "{threads: 2, limits: {body: 1GiB}}";
        s.route_options = "upgrade: [echo]";
        s.origin_options = "retry: {max: 0}, tls: {ca: " + authority_.file().native() + ", server_name: shop.test}";
        proxy_.emplace(s.yaml());
    }

    certificate_authority authority_;
    plain_server server_;
    std::optional<nginx_server> nginx_;
    std::optional<proxy> proxy_;
};

TEST_F(SecureOrigins, AreAskedAndTheirAnswersKept)
{
    start();
    for (int i = 0; i < 3; ++i) {
        const auto r = proxy_->get("/page");
        EXPECT_EQ(r.status, 200);
        EXPECT_TRUE(r.body == content_of(300'000));
    }
    EXPECT_EQ(server_.requests(), 1);
    EXPECT_EQ(proxy_->metric("origin_requests_total", {{"result", "ok"}}), 1);
}

TEST_F(SecureOrigins, TakeALargeUploadAsItWasSent)
{
    start();
    const std::string content = content_of(32 << 20);
    EXPECT_EQ(proxy_->request("POST", "/up", {}, content).body, std::to_string(content.size()));
}

TEST_F(SecureOrigins, CarryUpgradedConnectionsBothWays)
{
    start();
    byte_stream s(connect_to("127.0.0.1", proxy_->port()));
    s.send("GET /chat HTTP/1.1\r\nHost: shop\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    EXPECT_TRUE(s.read_until("\r\n\r\n", 1 << 14).starts_with("HTTP/1.1 101"));
    const std::string said = content_of(200'000);
    std::thread sender([&] { s.send(said, after(60s)); });
    EXPECT_TRUE(s.read_exactly(said.size(), after(60s)) == said);
    sender.join();
    s.shutdown_send();
    EXPECT_EQ(s.read_to_end(), "");
}

TEST_F(SecureOrigins, WithAnotherNameAreNotAskedAndTheLogSaysWhy)
{
    start({.name = "other.test"});
    const auto r = proxy_->get("/page");
    EXPECT_EQ(r.status, 502);
    expect_problem(r);
    EXPECT_EQ(cache_status_of(r).detail, "unreachable");
    EXPECT_EQ(server_.requests(), 0);
    EXPECT_EQ(proxy_->metric("origin_requests_total", {{"result", "tls"}}), 1);
    EXPECT_NO_THROW(proxy_->process().wait_for_line("ostname mismatch"));
}

TEST_F(SecureOrigins, AreNotConfiguredWithFilesThatDoNotExist)
{
    setting s{.origin_url = "https://127.0.0.1:1"};
    s.origin_options = "tls: {ca: /nowhere.pem}";
    proxy p(proxy_options{.configuration = s.yaml(), .wait_until_ready = false});
    EXPECT_EQ(p.process().wait().code, 2);
    EXPECT_THAT(p.log(), testing::HasSubstr("origins.shop.tls: tls.ca '/nowhere.pem' cannot be used"));
}

}  // namespace
}  // namespace tiercel::test
