// What signals do to a running proxy: it ends without breaking anything off, it ends at once, or it takes new log files.

#include "blackbox/setting.hpp"
#include "origin/content.hpp"

#include <gtest/gtest.h>

#include <signal.h>

#include <atomic>
#include <filesystem>
#include <list>
#include <thread>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using testing::HasSubstr;
using testing::Not;

byte_stream ask(const proxy& p, const std::string& target, const std::string& fields = "")
{
    byte_stream s(connect_to("127.0.0.1", p.port()));
    s.send("GET " + target + " HTTP/1.1\r\nHost: shop\r\n" + fields + "\r\n");
    return s;
}

bool lets_nobody_in(const proxy& p)
{
    try {
        connect_to("127.0.0.1", p.port());
        return false;
    } catch (const std::system_error&) {
        return true;
    }
}

class Signals : public testing::Test {
protected:
    void start(const std::string& timeouts = "drain: 20s")
    {
        setting s{.origin_url = origin_.url()};
        s.server = "{threads: 2, timeouts: {" + timeouts + "}}";
        s.log = "{level: info, access: {file: \"off\"}}";
        proxy_.emplace(s.yaml());
    }
    void wait_until_draining() { EXPECT_TRUE(eventually([this] { return lets_nobody_in(*proxy_); })); }

    origin_process origin_;
    std::optional<proxy> proxy_;
};

TEST_F(Signals, EndItWhenAHundredDownloadsAreThrough)
{
    for (const int signal : {SIGTERM, SIGINT}) {
        SCOPED_TRACE(signal);
        start();
        constexpr std::size_t size = 3'000'000;
        const std::string stored = "/b/" + std::to_string(size) + "/stored";
        proxy_->get(stored, {{"Host", "shop"}});
        std::list<std::pair<std::string, byte_stream>> downloads;
        for (int i = 0; i < 34; ++i) {
            const std::string number = std::to_string(i);
            for (const std::string& t : {stored, "/n/" + std::to_string(size) + "/" + number, "/page/slow" + number + "?size=20000&piece=2000&pause=20ms"}) {
                downloads.emplace_back(t, ask(*proxy_, t));
            }
        }
        for (auto& [target, stream] : downloads) { EXPECT_TRUE(stream.read_until("\r\n\r\n", 1 << 14).starts_with("HTTP/1.1 200")) << target; }
        proxy_->process().send_signal(signal);
        wait_until_draining();
        EXPECT_TRUE(proxy_->process().is_running());
        for (auto& [target, stream] : downloads) {
            const std::string name = target.substr(0, target.find('?'));
            EXPECT_TRUE(stream.read_exactly(name == target ? size : 20'000) == sample_origin::content(name, name == target ? size : 20'000)) << target;
            EXPECT_TRUE(stream.is_closed_by_peer()) << target;
            stream.close();
        }
        EXPECT_EQ(proxy_->process().wait().code, 0) << proxy_->log();
        EXPECT_THAT(proxy_->log(), Not(HasSubstr("broken off")));
    }
}

// Also those that the kernel has accepted and the proxy has not seen yet.
TEST_F(Signals, LetEverybodyGetAnAnswerWhoWasLetIn)
{
    start();
    proxy_->get("/page/x?ttl=60&size=1000", {{"Host", "shop"}});
    std::atomic<unsigned> answered = 0;
    std::atomic<unsigned> left_out = 0;
    std::vector<std::thread> clients;
    for (int i = 0; i < 8; ++i) {
        clients.emplace_back([&] {
            for (;;) {
                byte_stream s;
                try {
                    s = ask(*proxy_, "/page/x?ttl=60&size=1000");
                } catch (const std::exception&) {
                    return;   // refused: nobody is let in any more
                }
                try {
                    read_response(s, false, after(default_timeout));
                    ++answered;
                } catch (const std::exception&) {
                    ++left_out;
                }
            }
        });
    }
    EXPECT_TRUE(eventually([&] { return answered > 500; }));
    proxy_->process().send_signal(SIGTERM);
    for (std::thread& c : clients) { c.join(); }
    EXPECT_EQ(proxy_->process().wait().code, 0);
    // A handshake that ends in the very moment in which the listening socket closes cannot be helped.
    EXPECT_LE(left_out, 1u) << "of " << answered;
}

TEST_F(Signals, EndUploadsWhenTheyAreThrough)
{
    start();
    byte_stream upload(connect_to("127.0.0.1", proxy_->port()));
    const std::string half(100'000, 'x');
    upload.send("POST /page/up HTTP/1.1\r\nHost: shop\r\nContent-Length: 200000\r\n\r\n" + half);
    EXPECT_TRUE(eventually([this] { return origin_.most_connections() > 0; }));
    proxy_->process().send_signal(SIGTERM);
    wait_until_draining();
    upload.send(half);
    const http_response r = read_response(upload, false, after(default_timeout));
    EXPECT_EQ(r.body, half + half);
    EXPECT_EQ(r.header("Connection"), "close");
    upload.close();
    EXPECT_EQ(proxy_->process().wait().code, 0);
}

TEST_F(Signals, CloseKeptConnectionsAndSayItWhereAnAnswerIsUnderWay)
{
    start();
    raw_client idle = proxy_->client();
    EXPECT_FALSE(idle.get("/page/x").has("Connection"));
    raw_client silent = proxy_->client();
    silent.connect();
    byte_stream waiting = ask(*proxy_, "/page/y?delay=500ms");
    byte_stream half(connect_to("127.0.0.1", proxy_->port()));
    half.send("GET /page/z HTTP/1.1\r\nHost: sh");
    EXPECT_TRUE(eventually([this] { return proxy_->metric("connections", {{"state", "active"}}) == 2; }));
    proxy_->process().send_signal(SIGTERM);
    EXPECT_TRUE(idle.is_closed_by_peer());
    EXPECT_TRUE(silent.is_closed_by_peer());
    half.send("op\r\n\r\n");
    for (byte_stream* s : {&waiting, &half}) {
        const http_response r = read_response(*s, false, after(default_timeout));
        EXPECT_EQ(r.status, 200);
        EXPECT_EQ(r.header("Connection"), "close");
        EXPECT_TRUE(s->is_closed_by_peer());
        s->close();
    }
    EXPECT_EQ(proxy_->process().wait().code, 0);
}

TEST_F(Signals, KeepTheAdminListenerUpUntilTheEnd)
{
    start();
    byte_stream waiting = ask(*proxy_, "/page/y?delay=500ms");
    EXPECT_TRUE(eventually([this] { return proxy_->metric("connections", {{"state", "active"}}) == 1; }));
    proxy_->process().send_signal(SIGTERM);
    wait_until_draining();
    EXPECT_EQ(proxy_->admin("GET", "/livez").status, 200);
    EXPECT_EQ(proxy_->metric("connections", {{"state", "active"}}), 1);
    EXPECT_EQ(read_response(waiting, false, after(default_timeout)).status, 200);
    waiting.close();
    EXPECT_EQ(proxy_->process().wait().code, 0);
}

TEST_F(Signals, GivenTwiceEndItAtOnce)
{
    start("drain: 30s");
    byte_stream hanging = ask(*proxy_, "/fault/hang");
    EXPECT_TRUE(eventually([this] { return origin_.requests() == 1; }));
    proxy_->process().send_signal(SIGTERM);
    wait_until_draining();
    EXPECT_TRUE(proxy_->process().is_running());
    const auto second = steady_clock::now();
    proxy_->process().send_signal(SIGTERM);
    EXPECT_EQ(proxy_->process().wait().signal, 0);
    EXPECT_LE(steady_clock::now() - second, 3s);
    EXPECT_EQ(hanging.read_to_end(), "");
}

TEST_F(Signals, EndItByTheTimeOfTheDrain)
{
    start("drain: 300ms");
    byte_stream hanging = ask(*proxy_, "/fault/hang");
    EXPECT_TRUE(eventually([this] { return origin_.requests() == 1; }));
    const auto first = steady_clock::now();
    proxy_->process().send_signal(SIGTERM);
    EXPECT_EQ(proxy_->process().wait().code, 0);
    EXPECT_GE(steady_clock::now() - first, 300ms);
    EXPECT_LE(steady_clock::now() - first, 4s);
    EXPECT_THAT(proxy_->log(), HasSubstr("broken off"));
}

// The kernel has let them in, and some of them are not looked at yet when all connections are closed.
TEST_F(Signals, EndItForThoseWhoHaveJustComeAsWell)
{
    start("drain: 0ms, header: 10m");
    proxy_->process().send_signal(SIGSTOP);
    std::list<byte_stream> clients;
    for (int i = 0; i < 300; ++i) { clients.emplace_back(connect_to("127.0.0.1", proxy_->port())).send("GET /a HT"); }
    proxy_->process().send_signal(SIGTERM);
    proxy_->process().send_signal(SIGCONT);
    EXPECT_TRUE(proxy_->process().wait(1min).ok()) << "long before a head has taken too long";
}

TEST_F(Signals, WithoutAMeaningChangeNothing)
{
    start();
    proxy_->get("/page/x?ttl=60");
    for (const int signal : {SIGHUP, SIGUSR2, SIGPIPE}) {
        proxy_->process().send_signal(signal);
        EXPECT_EQ(cache_status_of(proxy_->get("/page/x?ttl=60")).text(), "hit; detail=l1") << signal;
    }
    EXPECT_TRUE(proxy_->stop().ok());
}

TEST_F(Signals, ReopenLogFilesThatWereMovedAway)
{
    namespace fs = std::filesystem;
    const temp_dir dir;
    const fs::path log = dir.path() / "tiercel.log";
    const fs::path access = dir.path() / "access.log";
    setting s{.origin_url = origin_.url()};
    s.log = "{level: info, slow_origin: 1ms, file: " + log.native() + ", access: {file: " + access.native() + "}}";
    proxy_.emplace(s.yaml());
    const auto has = [](const fs::path& file, const std::string& text) {
        return [file, text] { return fs::exists(file) && read_file(file).find(text) != std::string::npos; };
    };

    const auto id_of = [this](const std::string& target) { return proxy_->get(target).header("X-Request-ID").value_or("none"); };
    const std::string before = id_of("/page/before?delay=5ms");
    EXPECT_TRUE(eventually(has(access, before)));
    EXPECT_TRUE(eventually(has(log, before)));
    fs::rename(log, dir.path() / "tiercel.log.1");
    fs::rename(access, dir.path() / "access.log.1");
    const std::string between = id_of("/page/between?delay=5ms");
    EXPECT_TRUE(eventually(has(dir.path() / "access.log.1", between))) << "until the signal, to the old one";
    proxy_->process().send_signal(SIGUSR1);
    EXPECT_TRUE(eventually([&] { return fs::exists(log) && fs::exists(access); }));
    const std::string after_it = id_of("/page/after?delay=5ms");
    EXPECT_TRUE(eventually(has(access, after_it)));
    EXPECT_TRUE(eventually(has(log, after_it)));
    EXPECT_TRUE(proxy_->stop().ok());
    for (const std::string& id : {before, between}) {
        EXPECT_FALSE(has(access, id)());
        EXPECT_TRUE(has(dir.path() / "access.log.1", id)());
        EXPECT_TRUE(has(dir.path() / "tiercel.log.1", id)());
    }
    EXPECT_FALSE(has(dir.path() / "access.log.1", after_it)());
}

}  // namespace
}  // namespace tiercel::test
