#include "redis/resp_codec.hpp"

#include <tiercel/check.hpp>

#include <hiredis/read.h>

#include <algorithm>
#include <charconv>
#include <new>

namespace tiercel::redis {
namespace {

void append_prefix(std::string& out, char type, std::size_t n)
{
    char digits[24];
    digits[0] = type;
    char* const end = std::to_chars(digits + 1, digits + 22, n).ptr;
    end[0] = '\r';
    end[1] = '\n';
    out.append(digits, end + 2);
}

constexpr std::size_t prefix_size = 8;   // of typical words: type, a few digits, two line ends

}  // namespace

std::string_view reply::error_code() const noexcept
{
    if (kind != type::error) { return {}; }
    return std::string_view(text).substr(0, std::min(text.find(' '), text.size()));
}

command::command(std::span<const std::string_view> words)
{
    TIERCEL_CHECK(!words.empty());
    std::size_t size = prefix_size;
    for (const std::string_view w : words) { size += w.size() + 2 * prefix_size; }
    bytes_.reserve(size);
    append_prefix(bytes_, '*', words.size());
    for (const std::string_view w : words) {
        append_prefix(bytes_, '$', w.size());
        bytes_.append(w);
        bytes_.append("\r\n");
    }
}

// The reader's callbacks. The root lives in the parser, a child at the end of its parent's items: those pointers stay good as
// long as hiredis uses them, because a parent grows only when its last child is complete. Exceptions must not cross C frames;
// all that could throw here is lack of memory.
struct reply_builder {
    static reply* slot(const redisReadTask* t) noexcept
    {
        if (t->parent == nullptr) {
            reply& root = static_cast<reply_parser*>(t->privdata)->root_;
            root = reply();
            return &root;
        }
        return &static_cast<reply*>(t->parent->obj)->items.emplace_back();
    }

    static void* make_string(const redisReadTask* t, char* bytes, std::size_t size) noexcept
    {
        reply* const r = slot(t);
        r->kind = t->type == REDIS_REPLY_ERROR    ? reply::type::error
                  : t->type == REDIS_REPLY_STATUS ? reply::type::status
                                                  : reply::type::bulk;
        r->text.assign(bytes, size);
        return r;
    }

    // Nothing is reserved by a claimed count: memory follows the bytes that really came.
    static void* make_array(const redisReadTask* t, int) noexcept
    {
        reply* const r = slot(t);
        r->kind = reply::type::array;
        return r;
    }

    static void* make_integer(const redisReadTask* t, long long value) noexcept
    {
        reply* const r = slot(t);
        r->kind = reply::type::integer;
        r->integer = value;
        return r;
    }

    static void* make_nil(const redisReadTask* t) noexcept { return slot(t); }

    static void free_reply(void*) noexcept {}   // the parser owns it
};

namespace {

redisReplyObjectFunctions callbacks{reply_builder::make_string, reply_builder::make_array, reply_builder::make_integer,
                                    reply_builder::make_nil, reply_builder::free_reply};

}  // namespace

void reply_parser::free_reader::operator()(redisReader* r) const noexcept
{
    redisReaderFree(r);
}

reply_parser::reply_parser(byte_count max_reply) : reader_(redisReaderCreateWithFunctions(&callbacks)), max_reply_(max_reply)
{
    if (reader_ == nullptr) { throw std::bad_alloc(); }
    reader_->privdata = this;
}

reply_parser::~reply_parser() = default;

void reply_parser::feed(std::string_view bytes)
{
    unfinished_ += bytes.size();
    redisReaderFeed(reader_.get(), bytes.data(), bytes.size());   // its failure is seen by the next call of next()
}

result<std::optional<reply>> reply_parser::next()
{
    if (!problem_.empty()) { return errc::redis_reply; }
    void* done = nullptr;
    if (redisReaderGetReply(reader_.get(), &done) != REDIS_OK) {
        problem_ = reader_->errstr;
        return errc::redis_reply;
    }
    if (done == nullptr) {
        if (unfinished_ > max_reply_) {
            problem_ = "reply too big";
            return errc::redis_reply;
        }
        return std::optional<reply>();
    }
    unfinished_ = reader_->len - reader_->pos;
    return std::optional<reply>(std::move(root_));
}

}  // namespace tiercel::redis
