#include "support/redis_server.hpp"

#include <hiredis/hiredis.h>

#include <signal.h>
#include <sys/time.h>

#include <algorithm>
#include <stdexcept>

namespace tiercel::test {
namespace {

struct free_reply {
    void operator()(redisReply* r) const noexcept { freeReplyObject(r); }
};
struct free_context {
    void operator()(redisContext* c) const noexcept { redisFree(c); }
};
using context_ptr = std::unique_ptr<redisContext, free_context>;

redis_reply convert(const redisReply& r)
{
    redis_reply out;
    switch (r.type) {
    case REDIS_REPLY_NIL: break;
    case REDIS_REPLY_INTEGER:
        out.type = redis_reply::kind::integer;
        out.integer = r.integer;
        break;
    case REDIS_REPLY_ARRAY:
        out.type = redis_reply::kind::array;
        for (std::size_t i = 0; i < r.elements; ++i) { out.elements.push_back(convert(*r.element[i])); }
        break;
    default:
        out.type = r.type == REDIS_REPLY_ERROR ? redis_reply::kind::error : redis_reply::kind::string;
        out.text.assign(r.str, static_cast<std::size_t>(r.len));
    }
    return out;
}

redis_reply call(redisContext& c, const std::vector<std::string>& words)
{
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string& w : words) {
        texts.push_back(w.data());
        sizes.push_back(w.size());
    }
    const std::unique_ptr<redisReply, free_reply> reply(static_cast<redisReply*>(
        redisCommandArgv(&c, static_cast<int>(words.size()), texts.data(), sizes.data())));
    if (!reply) { throw std::runtime_error("redis " + words.at(0) + ": " + c.errstr); }
    return convert(*reply);
}

}  // namespace

bool redis_server::available()
{
    return !find_program("redis-server").empty();
}

redis_server::redis_server(std::vector<std::string> arguments) : arguments_(std::move(arguments))
{
    const auto at = std::find(arguments_.begin(), arguments_.end(), "--requirepass");
    if (at != arguments_.end() && at + 1 != arguments_.end()) { password_ = *(at + 1); }
    port_ = free_port();
    start();
}

redis_server::~redis_server() = default;

void redis_server::start()
{
    process_options o;
    o.argv = {"redis-server", "--bind", "127.0.0.1", "--port", std::to_string(port_), "--unixsocket",
              (directory_.path() / "redis.sock").native(), "--dir", directory_.path().native(), "--save", "",
              "--appendonly", "no", "--daemonize", "no"};
    o.argv.insert(o.argv.end(), arguments_.begin(), arguments_.end());
    process_ = process::start(std::move(o));
    process_->wait_for_line("Ready to accept connections");
}

std::string redis_server::url(int database) const
{
    return "redis://127.0.0.1:" + std::to_string(port_) + "/" + std::to_string(database);
}

std::string redis_server::unix_url() const
{
    return "unix:" + (directory_.path() / "redis.sock").native();
}

void redis_server::kill()
{
    process_->kill();
}

void redis_server::restart()
{
    kill();
    start();
}

void redis_server::freeze()
{
    process_->send_signal(SIGSTOP);
}

void redis_server::thaw()
{
    process_->send_signal(SIGCONT);
}

redis_reply redis_server::command(const std::vector<std::string>& words)
{
    const timeval timeout{.tv_sec = 10, .tv_usec = 0};
    const context_ptr c(redisConnectWithTimeout("127.0.0.1", port_, timeout));
    if (!c || c->err != 0) { throw std::runtime_error(std::string("redis: ") + (c ? c->errstr : "no memory")); }
    redisSetTimeout(c.get(), timeout);
    if (!password_.empty()) { call(*c, {"AUTH", password_}); }
    return call(*c, words);
}

std::vector<std::string> redis_server::keys(const std::string& pattern)
{
    std::vector<std::string> out;
    for (redis_reply& r : command({"KEYS", pattern}).elements) { out.push_back(std::move(r.text)); }
    std::sort(out.begin(), out.end());
    return out;
}

}  // namespace tiercel::test
