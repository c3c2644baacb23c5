#include "async/listener.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace tiercel::async {
namespace {

TEST(ListenAddress, TakesHostWithPortBracketedIpv6AndUnixPath)
{
    struct {
        const char* text;
        const char* canonical;
        std::uint16_t port;
        const char* path;
        bool local;
    } const cases[] = {
        {"127.0.0.1:9080", "127.0.0.1:9080", 9080, "", true},
        {"127.9.9.9:1", "127.9.9.9:1", 1, "", true},
        {"0.0.0.0:0", "0.0.0.0:0", 0, "", false},
        {"10.0.0.7:65535", "10.0.0.7:65535", 65535, "", false},
        {"localhost:80", "127.0.0.1:80", 80, "", true},
        {"[::1]:8080", "[::1]:8080", 8080, "", true},
        {"[::]:8080", "[::]:8080", 8080, "", false},
        {"[2001:DB8::1]:80", "[2001:db8::1]:80", 80, "", false},
        {"unix:/run/tiercel.sock", "unix:/run/tiercel.sock", 0, "/run/tiercel.sock", true},
    };
    for (const auto& c : cases) {
        const auto a = parse_listen_address(c.text);
        ASSERT_TRUE(a.has_value()) << c.text;
        EXPECT_EQ(text_of(a->at), c.canonical) << c.text;
        EXPECT_EQ(port_of(a->at), c.port) << c.text;
        EXPECT_EQ(a->unix_path, c.path) << c.text;
        EXPECT_EQ(is_local(*a), c.local) << c.text;
        EXPECT_EQ(a->is_unix(), *c.path != '\0') << c.text;
    }
}

TEST(ListenAddress, SaysWhatIsWrongWithEverythingElse)
{
    const std::string long_path(200, 'x');
    for (const auto& text : {std::string(), std::string("8080"), std::string(":8080"), std::string("example.org:80"),
                             std::string("127.0.0.1"), std::string("127.0.0.1:"), std::string("127.0.0.1:65536"),
                             std::string("127.0.0.1:-1"), std::string("127.0.0.1:80x"), std::string("127.0.0.1: 80"),
                             std::string("[::1]"), std::string("::1:80"), std::string("[127.0.0.1]:80"),
                             std::string("[]:80"), std::string("[localhost]:80"), std::string("unix:"), std::string("unix:relative"),
                             "unix:/" + long_path, std::string("unix:/a\0b", 9)}) {
        EXPECT_TRUE(problem_of_listen_address(text)) << text;
        EXPECT_FALSE(parse_listen_address(text).has_value()) << text;
    }
}

class Listener : public testing::Test {
protected:
    listen_address at(const std::string& text) const { return parse_listen_address(text).value(); }
    result<acceptor> open(const std::string& text, bool shared) { return open_listener(context_, at(text), shared); }
    bool answers(const endpoint& where)
    {
        socket s(context_, where.protocol());
        error_code ec;
        s.connect(where, ec);
        return !ec;
    }

    asio::io_context context_;
};

TEST_F(Listener, OnAChosenPortIsJoinedByOthers)
{
    auto first = open("127.0.0.1:0", true);
    ASSERT_TRUE(first) << first.error();
    EXPECT_NE(port_of(first->local_endpoint()), 0);
    auto second = join_listener(context_, *first);
    ASSERT_TRUE(second) << second.error();
    EXPECT_EQ(text_of(second->local_endpoint()), text_of(first->local_endpoint()));
    first->close();
    EXPECT_TRUE(answers(second->local_endpoint()));
}

// What the check of a configuration says before anything listens is what would happen.
TEST_F(Listener, CollidesAsTheSystemSays)
{
    const char* const hosts[] = {"127.0.0.1", "127.0.0.2", "localhost", "0.0.0.0", "[::1]", "[::]"};
    for (const std::string first : hosts) {
        const auto chosen = open_listener(context_, parse_listen_address(first + ":0").value(), true);
        if (!chosen) {
            continue;   // a machine without IPv6
        }
        const std::string port = std::to_string(port_of(chosen->local_endpoint()));
        for (const std::string second : hosts) {
            const listen_address a = parse_listen_address(first + ":" + port).value();
            const listen_address b = parse_listen_address(second + ":" + port).value();
            const auto other = open_listener(context_, b, true);
            EXPECT_TRUE(other || other.error() == boost::asio::error::address_in_use || second.starts_with('[')) << other.error().message();
            EXPECT_EQ(collide(a, b), !other) << first << " " << second;
            EXPECT_EQ(collide(a, b), collide(b, a));
        }
    }
    EXPECT_FALSE(collide(parse_listen_address("127.0.0.1:0").value(), parse_listen_address("127.0.0.1:0").value()));
    EXPECT_TRUE(collide(parse_listen_address("unix:/a").value(), parse_listen_address("unix:/a").value()));
    EXPECT_FALSE(collide(parse_listen_address("unix:/a").value(), parse_listen_address("127.0.0.1:1").value()));
}

TEST_F(Listener, IsRefusedWhereAnotherOneIs)
{
    for (const bool shared : {false, true}) {
        auto first = open("127.0.0.1:0", shared);
        ASSERT_TRUE(first) << first.error();
        const std::string taken = text_of(first->local_endpoint());
        for (const bool like_it : {false, true}) {
            EXPECT_EQ(open(taken, like_it).error(), asio::error::address_in_use) << shared << like_it;
        }
        first->close();
        EXPECT_TRUE(open(taken, shared));
    }
}

class UnixListener : public Listener {
protected:
    UnixListener() : path_(std::filesystem::temp_directory_path() / ("tiercel-listener-" + std::to_string(::getpid()))) {}
    ~UnixListener() override { std::filesystem::remove(path_); }
    std::string text() const { return "unix:" + path_.native(); }

    std::filesystem::path path_;
};

TEST_F(UnixListener, IsForOwnerAndGroupAndIsJoinedByOthers)
{
    auto first = open(text(), true);
    ASSERT_TRUE(first) << first.error();
    struct stat about {};
    ASSERT_EQ(::stat(path_.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 07777, 0660u);
    auto second = join_listener(context_, *first);
    ASSERT_TRUE(second) << second.error();
    first->close();
    EXPECT_TRUE(answers(at(text()).at));
}

TEST_F(UnixListener, ReplacesOnlyASocketThatNobodyListensOn)
{
    auto first = open(text(), true);
    ASSERT_TRUE(first);
    EXPECT_EQ(open(text(), true).error(), asio::error::address_in_use);
    EXPECT_TRUE(answers(at(text()).at)) << "the one that was there is unharmed";
    first->close();   // as if its process had been killed: the file stays
    EXPECT_TRUE(std::filesystem::exists(path_));
    EXPECT_TRUE(open(text(), true));

    std::filesystem::remove(path_);
    std::ofstream(path_) << "precious";
    EXPECT_EQ(open(text(), true).error(), asio::error::address_in_use);
    EXPECT_EQ(std::filesystem::file_size(path_), 8u);
}

TEST(NameOfPeer, IsUnknownWhenThePeerHasGoneAlready)
{
    boost::asio::io_context context;
    auto listening = open_listener(context, *parse_listen_address("127.0.0.1:0"), false);
    ASSERT_TRUE(listening);
    const auto connect = [&] {
        boost::asio::ip::tcp::socket client(context);
        client.connect({boost::asio::ip::make_address("127.0.0.1"), port_of(listening->local_endpoint())});
        return client;
    };
    error_code ec;
    auto gone = connect();
    gone.send(boost::asio::buffer(std::string("GET / HTTP/1.1\r\n")));
    gone.set_option(boost::asio::socket_base::linger(true, 0));
    gone.close();   // resets
    auto there = connect();
    std::size_t unknown = 0;
    for (int i = 0; i < 2; ++i) {
        socket s(context);
        listening->accept(s, ec);
        if (ec) {   // some kernels do not even hand it out
            ++unknown;
            continue;
        }
        const auto name = name_of_peer(s);
        unknown += name ? 0 : 1;
        if (name) {
            EXPECT_EQ(name->address, "127.0.0.1");
            EXPECT_FALSE(name->is_unix);
        }
    }
    EXPECT_EQ(unknown, 1u);
}

}  // namespace
}  // namespace tiercel::async
