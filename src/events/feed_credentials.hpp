#pragma once

// How we show a feed who we are: a bearer token (RFC 6750) that is given, or lies in a file, or is got from an origin for an id and a
// secret (OAuth 2.0 client credentials, RFC 6749 §4.4). Nothing of it is ever told to anybody else, nor why exactly it was refused.
// Thread: the loop's.

#include "events/options.hpp"
#include "events/origin_call.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace tiercel::events {

class feed_credentials {
public:
    // `issuer`: where tokens are got, if they are got. All outlive this.
    feed_credentials(async::loop& l, const auth_options& o, const known_origin* issuer, const clock& time, milliseconds timeout);

    struct given {
        std::string fields;                // lines of a request; empty: we need not say who we are
        std::string problem;               // not empty: we cannot
    };
    async::task<given> give();
    // What was given last was refused (401). False: there is nothing else to give, or not yet: a feed that refuses one token after the
    // other makes us ask for them ever more seldom.
    bool refused();
    void accepted() noexcept
    {
        refusals_ = 0;
        not_before_ = {};
    }
    void abort();

private:
    async::task<> renew();
    async::task<std::string> get_token();
    std::string read_token_file();

    const auth_options& options_;
    const milliseconds timeout_;
    std::unique_ptr<origin_call> issuer_;
    std::string token_;                    // empty: none yet
    std::optional<std::filesystem::file_time_type> written_;   // the file, when it was read
    async::steady::time_point renew_at_{};                     // a token that was got,
    async::steady::time_point ends_at_{};                      // and when it is good no more
    async::steady::time_point not_before_{};                   // the next one
    unsigned refusals_ = 0;                // since the last one that was good enough
    std::string problem_;                  // with the last one that was asked for
    std::minstd_rand random_;
};

// What an issuer answers to a request for a token (RFC 6749 §5.1). Pure.
struct issued_token {
    std::string token;
    std::optional<seconds> lasts;          // nothing: it does not say
    std::string problem;                   // not empty: there is none
};
issued_token read_issued_token(std::string_view body);

// May it stand in a field of a request (RFC 6750 §2.1, and a little more)?
bool is_bearer_token(std::string_view text) noexcept;

// The body and the Authorization of such a request (RFC 6749 §2.3.1).
std::string token_request_of(const auth_options& o);
std::string basic_credentials_of(const auth_options& o);

}  // namespace tiercel::events
