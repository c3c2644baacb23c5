#include "coherence/log_connection.hpp"

namespace tiercel::coherence {

using async::task;
using redis::reply;

task<bool> log_connection::open()
{
    const result<void> opened = co_await connection_.open();
    co_return opened.has_value();
}

task<std::optional<reply>> log_connection::ask(redis::command c, milliseconds limit)
{
    result<reply> r = co_await connection_.call(std::move(c), limit);
    co_return take(std::move(r));
}

task<std::optional<reply>> log_connection::ask(redis::script_call call)
{
    redis::command by_hash = call.by_hash();
    result<reply> r = co_await connection_.call(std::move(by_hash), s_.options.append_timeout);
    if (r && redis::is_unknown_script(*r)) {
        redis::command by_text = call.by_text();
        r = co_await connection_.call(std::move(by_text), s_.options.append_timeout);
    }
    co_return take(std::move(r));
}

std::optional<reply> log_connection::take(result<reply> r)
{
    if (!r) { return std::nullopt; }
    if (r->is_error()) {
        refused_ = true;
        connection_.close(errc::redis_reply, r->text);
        return std::nullopt;
    }
    return std::move(*r);
}

bool log_connection::refuse(std::string_view what)
{
    s_.observer.on_malformed(what);
    connection_.close(errc::redis_reply, "malformed answer: " + std::string(what));
    return false;
}

}  // namespace tiercel::coherence
