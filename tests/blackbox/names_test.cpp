// Origins by name, with a server of names that answers as the test says, by the system's own resolver.

#include "blackbox/setting.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// Loopback addresses that no other test uses at this time.
std::string own_address(int last)
{
    const int n = ::getpid();
    return "127." + std::to_string(64 + n % 128) + "." + std::to_string(n / 128 % 250) + "." + std::to_string(last);
}

sockaddr_in socket_address(const std::string& ip, std::uint16_t port)
{
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    ::inet_pton(AF_INET, ip.c_str(), &a.sin_addr);
    return a;
}

// Knows one IPv4 address per name, and says NXDOMAIN to everything else (RFC 1035).
class name_server {
public:
    name_server() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))
    {
        const sockaddr_in here = socket_address(address(), 53);
        bound_ = ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) == 0;
        if (bound_) { thread_ = std::thread([this] { serve(); }); }
    }
    ~name_server() { go_down(); }
    bool is_bound() const { return bound_; }
    static std::string address() { return own_address(53); }

    void set(const std::string& name, const std::string& ip)
    {
        const std::lock_guard lock(mutex_);
        known_[name] = ip;
    }
    void be_silent(bool silent = true) { silent_ = silent; }   // questions come, and get no answer
    void go_down()                                             // questions are refused
    {
        if (thread_.joinable()) {
            stopping_ = true;
            thread_.join();
        }
        socket_.close();
    }
    int questions() const { return questions_; }

private:
    void serve()
    {
        while (!stopping_) {
            if (!wait_readable(socket_.get(), after(20ms))) { continue; }
            std::array<char, 1500> packet{};
            sockaddr_in from{};
            socklen_t size = sizeof from;
            const ssize_t n = ::recvfrom(socket_.get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
            if (n < 17) { continue; }
            ++questions_;
            if (silent_) { continue; }
            const std::string reply = reply_to(std::string_view(packet.data(), static_cast<std::size_t>(n)));
            ::sendto(socket_.get(), reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
        }
    }

    std::string reply_to(std::string_view question) const
    {
        std::string name;
        std::size_t at = 12;
        while (at < question.size() && question[at] != 0) {
            const auto length = static_cast<std::size_t>(question[at]);
            name.append(name.empty() ? "" : ".").append(question.substr(at + 1, length));
            at += 1 + length;
        }
        const std::size_t end = at + 5;   // the root, type and class
        if (end > question.size()) { return {}; }
        const bool for_ipv4 = question[at + 2] == 1;
        const std::lock_guard lock(mutex_);
        const auto found = known_.find(name);
        const bool answers = found != known_.end() && for_ipv4;
        std::string out(question.substr(0, 2));
        out += {'\x81', found == known_.end() ? '\x83' : '\x80', 0, 1, 0, static_cast<char>(answers ? 1 : 0), 0, 0, 0, 0};
        out += question.substr(12, end - 12);
        if (answers) {
            in_addr ip{};
            ::inet_pton(AF_INET, found->second.c_str(), &ip);
            out += {'\xc0', 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4};
            out.append(reinterpret_cast<const char*>(&ip), sizeof ip);
        }
        return out;
    }

    unique_fd socket_;
    bool bound_ = false;
    std::atomic<bool> stopping_ = false;
    std::atomic<bool> silent_ = false;
    std::atomic<int> questions_ = 0;
    mutable std::mutex mutex_;
    std::map<std::string, std::string> known_;
    std::thread thread_;
};

// The sample origin at an address of its own.
class placed_origin {
public:
    placed_origin(std::string ip, std::uint16_t port) : ip_(std::move(ip)), port_(port)
    {
        process_options o;
        o.argv = {origin_process::program().native(), "--listen", ip_ + ":" + std::to_string(port_)};
        process_ = process::start(std::move(o));
        process_->wait_for_line("listening ");
    }
    std::uint64_t requests() const { return stats().at("requests").to_number<std::uint64_t>(); }
    std::uint64_t open_connections() const { return stats().at("connections").at("open").to_number<std::uint64_t>(); }

private:
    boost::json::value stats() const { return boost::json::parse(raw_client(port_, ip_).get("/_/stats", {{"Connection", "close"}}).body); }

    std::string ip_;
    std::uint16_t port_;
    std::unique_ptr<process> process_;
};

// Clients that ask all the time, and count what was no good answer.
class steady_clients {
public:
    explicit steady_clients(const proxy& p)
    {
        for (int t = 0; t < 4; ++t) {
            threads_.emplace_back([this, &p, t] {
                raw_client c = p.client();
                for (int i = 0; !stopping_; ++i) {
                    const std::string target = "/page/" + std::to_string(t) + "/" + std::to_string(i);
                    try {
                        ++(c.get(target).status == 200 ? good_ : bad_);
                    } catch (const std::exception&) {
                        ++bad_;
                        c.close();
                    }
                }
            });
        }
    }
    ~steady_clients() { stop(); }
    void stop()
    {
        stopping_ = true;
        for (auto& t : threads_) {
            if (t.joinable()) { t.join(); }
        }
    }
    int good() const { return good_; }
    int bad() const { return bad_; }
    bool wait_for_more(int n) const
    {
        return eventually([this, until = good_ + n] { return good_ >= until; });
    }

private:
    std::atomic<bool> stopping_ = false;
    std::atomic<int> good_ = 0;
    std::atomic<int> bad_ = 0;
    std::vector<std::thread> threads_;
};

class Names : public testing::Test {
protected:
    void SetUp() override
    {
        if (::geteuid() != 0) { GTEST_SKIP() << "only root can give a process a server of names of its own"; }
        if (!names_.is_bound()) { GTEST_SKIP() << "somebody else has port 53 on all addresses"; }
        resolver_ = directory_.write("resolv.conf", "nameserver " + name_server::address() + "\noptions timeout:1 attempts:1\n");
        const auto trial = process::start({.argv = {"unshare", "--mount", "--propagation", "private", "sh", "-c", mount()}});
        if (!trial->wait().ok()) { GTEST_SKIP() << "no mount namespace: " << trial->output(); }
        program_ = directory_.write("tiercel", "#!/bin/sh\nexec unshare --mount --propagation private sh -c '" + mount() + " && exec " +
                                                   proxy::program().native() + " \"$@\"' sh \"$@\"\n");
        fs::permissions(program_, fs::perms::owner_all);
    }

    void start(const std::string& urls, const std::string& options)
    {
        setting s{.origin_url = urls, .route_options = "mode: pass"};
        s.origin_options = options;
        proxy_.emplace(proxy_options{.configuration = s.yaml(), .program = program_});
    }
    std::string mount() const { return "mount --bind " + resolver_.native() + " /etc/resolv.conf"; }
    std::string url(const std::string& name) const { return "http://" + name + ":" + std::to_string(port_); }

    temp_dir directory_;
    fs::path resolver_;
    fs::path program_;
    name_server names_;
    const std::uint16_t port_ = free_port();
    placed_origin first_{own_address(2), port_};
    placed_origin second_{own_address(3), port_};
    std::optional<proxy> proxy_;
};

TEST_F(Names, AnAddressThatChangesUnderLoadCostsNoRequest)
{
    names_.set("shop.example", own_address(2));
    start(url("shop.example"), "resolve_interval: 1s, retry: {max: 0}, pool: {idle_timeout: 1s}");
    steady_clients clients(*proxy_);
    ASSERT_TRUE(clients.wait_for_more(200));
    EXPECT_GE(first_.requests(), 200u);
    EXPECT_EQ(second_.requests(), 0u);

    names_.set("shop.example", own_address(3));
    EXPECT_TRUE(eventually([&] { return first_.open_connections() == 0; })) << "within the interval, and what it takes to drain";
    const auto before = first_.requests();
    EXPECT_TRUE(clients.wait_for_more(200));
    clients.stop();
    EXPECT_EQ(first_.requests(), before) << "idle from then on";
    EXPECT_GE(second_.requests(), 200u);
    EXPECT_EQ(clients.bad(), 0);
    EXPECT_EQ(proxy_->metric("origin_requests_total", {{"result", "ok"}}), clients.good());
}

TEST_F(Names, AServerOfNamesThatIsAwayChangesNothing)
{
    names_.set("shop.example", own_address(2));
    start(url("shop.example"), "resolve_interval: 100ms, retry: {max: 0}");
    steady_clients clients(*proxy_);
    ASSERT_TRUE(clients.wait_for_more(100));

    names_.be_silent();
    const int asked = names_.questions();
    EXPECT_TRUE(eventually([&] { return names_.questions() >= asked + 4; }));   // and waited for, a second each
    EXPECT_TRUE(clients.wait_for_more(100));
    names_.go_down();
    EXPECT_TRUE(clients.wait_for_more(100));
    EXPECT_TRUE(eventually([&] { return proxy_->log().find("cannot be looked up") != std::string::npos; }));
    EXPECT_TRUE(clients.wait_for_more(100));
    clients.stop();
    EXPECT_EQ(clients.bad(), 0);
}

TEST_F(Names, OneThatWasNeverKnownIsRefusedWithAWordUntilItIs)
{
    start("http://" + own_address(2) + ":" + std::to_string(port_) + "\", \"" + url("late.example"),
          "balance: round_robin, retry: {max: 0}");
    proxy_->admin("POST", "/v1/origins/shop/breaker", R"({"state":"closed"})");
    int refused = 0;
    for (int i = 0; i < 10; ++i) {
        const http_response r = proxy_->get("/page/" + std::to_string(i), {{"Host", "shop"}});
        if (r.status == 200) { continue; }
        ++refused;
        EXPECT_EQ(r.status, 502);
        EXPECT_NE(r.body.find("origin_unresolved"), std::string::npos) << r.body;
        expect_problem(r);
    }
    EXPECT_EQ(refused, 5);
    EXPECT_EQ(proxy_->metric("origin_requests_total", {{"result", "unresolved"}}), 5);

    names_.set("late.example", own_address(3));   // a failure leads to another look, once a second
    EXPECT_TRUE(eventually([&] { return proxy_->get("/page/a").status == 200 && proxy_->get("/page/b").status == 200; }));
    EXPECT_GE(second_.requests(), 1u);
}

// A retry need not wait for the name.
TEST_F(Names, OneThatIsUnknownIsMadeUpForByAnotherEndpoint)
{
    start("http://" + own_address(2) + ":" + std::to_string(port_) + "\", \"" + url("never.example"), "balance: round_robin, retry: {base: 1ms}");
    for (int i = 0; i < 10; ++i) { EXPECT_EQ(proxy_->get("/page/" + std::to_string(i)).status, 200); }
}

}  // namespace
}  // namespace tiercel::test
