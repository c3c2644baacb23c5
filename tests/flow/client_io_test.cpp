#include "flow/client_io.hpp"

#include "flow/client_body.hpp"
#include "redis/run_task.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace tiercel::flow {
namespace {

using namespace std::chrono_literals;

// A client that the test plays, in the middle of an upload of 8 bytes and of an answer that it does not read.
class BothWays : public testing::Test {
protected:
    BothWays()
    {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
            throw std::system_error(errno, std::generic_category(), "socketpair");
        }
        client_ = ends[0];
        async::socket s(loop_.context());
        s.assign(async::socket::protocol_type(AF_UNIX, 0), ends[1]);
        io_.emplace(std::move(s), loop_, 8192);
    }
    ~BothWays() override { ::close(client_); }

    void begin_sending(milliseconds idle)
    {
        async::asio::co_spawn(loop_.context(), send(idle), [](std::exception_ptr) {});
        redis::run_until(loop_, [&] { return sending_; });
    }
    void begin_upload(milliseconds idle)
    {
        body_.emplace(*io_, framing{framing_kind::length, 8}, client_body::limits{.largest = 100, .idle = idle}, false);
        async::asio::co_spawn(loop_.context(), receive(), [](std::exception_ptr) {});
        redis::run_until(loop_, [&] { return receiving_; });
    }
    // All that there is to be read for the client, until the answer has been taken.
    std::size_t read_answer()
    {
        std::size_t all = 0;
        const auto read = [&] {
            char some[65'536];
            for (ssize_t n = 0; (n = ::read(client_, some, sizeof some)) > 0;) { all += static_cast<std::size_t>(n); }
        };
        redis::run_until(loop_, [&] {
            read();
            return sent_.has_value();
        });
        read();
        return all;
    }

    async::loop loop_;
    int client_ = -1;
    std::optional<client_io> io_;
    std::optional<client_body> body_;
    std::string answer_ = std::string(20'000'000, 'x');
    bool sending_ = false;
    bool receiving_ = false;
    std::optional<error_code> sent_;
    std::optional<result<std::string_view>> received_;

private:
    async::task<> send(milliseconds idle)
    {
        const std::string_view all[] = {answer_};
        sending_ = true;
        const error_code ec = co_await io_->send(all, idle);
        sent_ = ec;
    }
    async::task<> receive()
    {
        receiving_ = true;
        result<std::string_view> run = co_await body_->next();
        received_ = std::move(run);
    }
};

TEST_F(BothWays, AnUploadThatStallsDoesNotEndTheAnswer)
{
    begin_sending(1h);
    begin_upload(20ms);
    ASSERT_TRUE(redis::run_until(loop_, [&] { return received_.has_value(); }));
    EXPECT_EQ(errc_of(received_->error()), errc::body_timeout);
    EXPECT_FALSE(sent_);
    EXPECT_EQ(read_answer(), answer_.size());
    EXPECT_EQ(sent_, error_code());
}

TEST_F(BothWays, AnUploadThatIsStoppedDoesNotEndTheAnswer)
{
    begin_sending(1h);
    begin_upload(1h);
    body_->stop();
    ASSERT_TRUE(redis::run_until(loop_, [&] { return received_.has_value(); }));
    EXPECT_FALSE(*received_);
    EXPECT_EQ(read_answer(), answer_.size());
}

TEST_F(BothWays, AnAnswerThatIsNotReadDoesNotEndTheUpload)
{
    begin_upload(1h);
    begin_sending(20ms);
    ASSERT_TRUE(redis::run_until(loop_, [&] { return sent_.has_value(); }));
    EXPECT_EQ(errc_of(*sent_), errc::client_gone);
    EXPECT_FALSE(received_);
    ASSERT_EQ(::write(client_, "contents", 8), 8);
    ASSERT_TRUE(redis::run_until(loop_, [&] { return received_.has_value(); }));
    ASSERT_TRUE(*received_);
    EXPECT_EQ(**received_, "contents");
}

TEST_F(BothWays, AClientThatGoesEndsBoth)
{
    begin_sending(1h);
    begin_upload(1h);
    ::shutdown(client_, SHUT_RDWR);
    ASSERT_TRUE(redis::run_until(loop_, [&] { return received_.has_value() && sent_.has_value(); }));
    EXPECT_EQ(errc_of(received_->error()), errc::client_gone);
    EXPECT_EQ(errc_of(*sent_), errc::client_gone);
}

}  // namespace
}  // namespace tiercel::flow
