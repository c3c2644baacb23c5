#include "events/feed_credentials.hpp"

#include "events/feed.hpp"
#include "http/ascii.hpp"
#include "http/member_list.hpp"
#include "redis/backoff.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <system_error>
#include <utility>

namespace tiercel::events {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using async::steady;
using async::task;

constexpr std::size_t longest_token = 16 * 1024;
constexpr seconds longest_life = 24h * 365;

// RFC 4648 §4.
std::string base64(std::string_view in)
{
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < in.size(); i += 3) {
        const auto byte = [&](std::size_t k) { return i + k < in.size() ? static_cast<unsigned char>(in[i + k]) : 0u; };
        const unsigned bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        out.push_back(digits[bits >> 18]);
        out.push_back(digits[bits >> 12 & 63]);
        out.push_back(i + 1 < in.size() ? digits[bits >> 6 & 63] : '=');
        out.push_back(i + 2 < in.size() ? digits[bits & 63] : '=');
    }
    return out;
}

}  // namespace

bool is_bearer_token(std::string_view text) noexcept
{
    return !text.empty() && text.size() <= longest_token && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

issued_token read_issued_token(std::string_view body)
{
    issued_token out;
    boost::system::error_code ec;
    const json::value v = json::parse(json::string_view(body.data(), body.size()), ec);
    const json::object* const o = ec ? nullptr : v.if_object();
    const json::value* const token = o == nullptr ? nullptr : o->if_contains("access_token");
    const json::value* const type = o == nullptr ? nullptr : o->if_contains("token_type");
    const json::value* const lasts = o == nullptr ? nullptr : o->if_contains("expires_in");
    if (token == nullptr || !token->is_string() || !is_bearer_token({token->as_string().data(), token->as_string().size()})) {
        out.problem = "the issuer answers without an access_token";
    } else if (type != nullptr && !(type->is_string() && equal_ignoring_case({type->as_string().data(), type->as_string().size()}, "bearer"))) {
        out.problem = "the issuer gives a token that is no bearer token";
    } else {
        out.token = std::string(token->as_string().data(), token->as_string().size());
    }
    if (lasts != nullptr && lasts->is_number()) {
        const double n = lasts->to_number<double>();
        out.lasts = std::isfinite(n) ? seconds(static_cast<std::int64_t>(std::clamp(n, 0.0, static_cast<double>(longest_life.count())))) : seconds(0);
    }
    return out;
}

std::string token_request_of(const auth_options& o)
{
    std::string body = "grant_type=client_credentials";
    if (!o.scope.empty()) { body += "&scope=" + percent_encoded(o.scope); }
    return body;
}

std::string basic_credentials_of(const auth_options& o) { return base64(percent_encoded(o.client_id) + ":" + percent_encoded(o.client_secret)); }

feed_credentials::feed_credentials(async::loop& l, const auth_options& o, const known_origin* issuer, const clock& time, milliseconds timeout)
    : options_(o), timeout_(timeout), issuer_(issuer == nullptr ? nullptr : std::make_unique<origin_call>(l, *issuer, time)),
      random_(std::random_device{}())
{
}

void feed_credentials::abort()
{
    if (issuer_) { issuer_->abort(); }
}

task<feed_credentials::given> feed_credentials::give()
{
    given out;
    if (!options_.token.empty()) {
        token_ = options_.token;
    } else if (!options_.token_file.empty()) {
        out.problem = read_token_file();
    } else if (issuer_) {
        if (steady::now() >= std::max(renew_at_, not_before_)) { co_await renew(); }
        if (steady::now() >= ends_at_) { token_.clear(); }   // until then the old one will do
        if (token_.empty()) { out.problem = problem_.empty() ? "the issuer gives a token that has ended" : problem_; }
    }
    if (out.problem.empty() && !token_.empty()) { out.fields = "Authorization: Bearer " + token_ + "\r\n"; }
    co_return out;
}

// The issuer may be well, and others need it.
task<> feed_credentials::renew()
{
    problem_ = co_await get_token();
    if (refusals_ == 0) { co_return; }
    const double r = std::generate_canonical<double, 24>(random_);
    not_before_ = steady::now() + redis::full_jitter(refusals_ - 1, 1s, 60s, r);
}

bool feed_credentials::refused()
{
    if (!options_.token.empty() || token_.empty()) { return false; }
    if (issuer_ && refusals_ != 0 && steady::now() < not_before_) { return false; }
    ++refusals_;
    not_before_ = {};
    token_.clear();
    written_.reset();
    renew_at_ = {};
    ends_at_ = {};
    return true;
}

// Returns what is wrong.
std::string feed_credentials::read_token_file()
{
    std::error_code ec;
    const auto written = std::filesystem::last_write_time(options_.token_file, ec);
    if (ec) { return "the token file cannot be read: " + ec.message(); }
    if (!token_.empty() && written_ == written) { return {}; }
    std::ifstream in(options_.token_file, std::ios::binary);
    std::string text;
    for (char c = 0; text.size() <= longest_token && in.get(c);) { text.push_back(c); }
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) { text.pop_back(); }
    const std::string_view token = trim(text);
    if (!is_bearer_token(token)) {
        token_.clear();
        return "the token file holds no token";
    }
    token_ = std::string(token);
    written_ = written;
    return {};
}

// Returns what is wrong.
task<std::string> feed_credentials::get_token()
{
    origin_request rq;
    rq.verb = method::post;
    rq.target = options_.path;
    rq.fields = "Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json\r\n";
    rq.fields.append("Authorization: Basic ").append(basic_credentials_of(options_)).append("\r\n");
    rq.content = token_request_of(options_);
    rq.timeout = timeout_;
    rq.most = 64_KiB;
    const auto asked = steady::now();
    const origin_answer got = co_await issuer_->ask(std::move(rq));
    if (!got.problem.empty()) { co_return "the issuer of tokens: " + got.problem; }
    if (got.status != 200) { co_return "the issuer of tokens answers " + std::to_string(got.status); }
    issued_token issued = read_issued_token(got.content);
    if (!issued.problem.empty()) { co_return issued.problem; }
    token_ = std::move(issued.token);
    const seconds lasts = issued.lasts.value_or(longest_life);   // then it is good until it is refused
    ends_at_ = asked + lasts;
    renew_at_ = ends_at_ - std::min<seconds>(lasts / 5, 60s);
    co_return std::string();
}

}  // namespace tiercel::events
