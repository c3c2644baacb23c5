#include "origin/tls.hpp"

#include "async/socket_calls.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <sys/stat.h>

namespace tiercel::origin {
namespace {

namespace asio = boost::asio;

constexpr std::size_t record_size = 16 * 1024;   // the most one record holds (RFC 8446 §5.1)
constexpr std::string_view only_http_1_1 = "\x08http/1.1";

// ---- the descriptor as OpenSSL sees it -------------------------------------------------------------------------------
// Its own socket BIO would write without MSG_NOSIGNAL.

struct descriptor_state {
    int fd = -1;
    bool ended = false;
};

descriptor_state& state_of(BIO* b) noexcept { return *static_cast<descriptor_state*>(BIO_get_data(b)); }

bool is_full_or_empty(ssize_t n) noexcept { return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR); }

int write_bytes(BIO* b, const char* from, int size)
{
    BIO_clear_retry_flags(b);
    const ssize_t n = async::bare_send(state_of(b).fd, from, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (is_full_or_empty(n)) {
        BIO_set_retry_write(b);
    }
    return static_cast<int>(n);
}

int read_bytes(BIO* b, char* into, int size)
{
    BIO_clear_retry_flags(b);
    const ssize_t n = async::bare_recv(state_of(b).fd, into, static_cast<std::size_t>(size), MSG_DONTWAIT);
    if (is_full_or_empty(n)) {
        BIO_set_retry_read(b);
    }
    state_of(b).ended = n == 0;
    return static_cast<int>(n);
}

long control(BIO* b, int what, long, void*)
{
    switch (what) {
        case BIO_CTRL_FLUSH: return 1;
        case BIO_CTRL_EOF: return state_of(b).ended ? 1 : 0;
        default: return 0;
    }
}

int forget(BIO* b)
{
    delete static_cast<descriptor_state*>(BIO_get_data(b));
    BIO_set_data(b, nullptr);
    return 1;
}

const BIO_METHOD* descriptor_method()
{
    static const std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> method = [] {
        std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> m(BIO_meth_new(BIO_TYPE_SOURCE_SINK | 1, "descriptor"), BIO_meth_free);
        BIO_meth_set_write(m.get(), write_bytes);
        BIO_meth_set_read(m.get(), read_bytes);
        BIO_meth_set_ctrl(m.get(), control);
        BIO_meth_set_destroy(m.get(), forget);
        return m;
    }();
    return method.get();
}

BIO* bio_over(int fd)
{
    BIO* const b = BIO_new(descriptor_method());
    if (b == nullptr) {
        throw std::bad_alloc();
    }
    BIO_set_data(b, new descriptor_state{fd, false});
    BIO_set_init(b, 1);
    return b;
}

// ---- settings --------------------------------------------------------------------------------------------------------

std::string last_reason()
{
    const char* const text = ERR_reason_error_string(ERR_peek_last_error());
    return text != nullptr ? text : "cannot be read";
}

void require(bool done, std::string_view key, const std::string& file)
{
    if (!done) {
        throw std::runtime_error("tls." + std::string(key) + " '" + file + "' cannot be used: " + last_reason());
    }
}

// Called whenever a server hands out a session: with TLS 1.3 after the handshake.
int keep_session(SSL* s, SSL_SESSION* session)
{
    auto* const memory = static_cast<tls_memory*>(SSL_get_app_data(s));
    if (memory == nullptr) {
        return 0;
    }
    memory->session.reset(session);
    return 1;   // ours now
}

std::shared_ptr<SSL_CTX> make_context(const tls_options& o)
{
    ERR_clear_error();
    std::shared_ptr<SSL_CTX> ctx(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    if (ctx == nullptr) {
        throw std::bad_alloc();
    }
    SSL_CTX_set_min_proto_version(ctx.get(), TLS1_2_VERSION);
    SSL_CTX_set_options(ctx.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx.get(), 1);
    SSL_CTX_set_alpn_protos(ctx.get(), reinterpret_cast<const unsigned char*>(only_http_1_1.data()), only_http_1_1.size());
    SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx.get(), keep_session);
    SSL_CTX_set_verify(ctx.get(), o.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    if (o.verify && o.ca.empty()) {
        SSL_CTX_set_default_verify_paths(ctx.get());
    } else if (!o.ca.empty()) {
        std::error_code ignored;
        const bool is_directory = std::filesystem::is_directory(o.ca, ignored);
        require(SSL_CTX_load_verify_locations(ctx.get(), is_directory ? nullptr : o.ca.c_str(),
                                              is_directory ? o.ca.c_str() : nullptr) == 1, "ca", o.ca);
    }
    if (!o.certificate.empty()) {
        require(SSL_CTX_use_certificate_chain_file(ctx.get(), o.certificate.c_str()) == 1, "certificate", o.certificate);
        require(SSL_CTX_use_PrivateKey_file(ctx.get(), o.key.c_str(), SSL_FILETYPE_PEM) == 1, "key", o.key);
        require(SSL_CTX_check_private_key(ctx.get()) == 1, "key", o.key);
    }
    return ctx;
}

// Anything that differs after a file was replaced or rewritten.
std::string stamps_of(const tls_options& o)
{
    std::string stamps;
    for (const std::string* file : {&o.ca, &o.certificate, &o.key}) {
        struct stat s{};
        if (!file->empty() && ::stat(file->c_str(), &s) == 0) {
            for (const auto n : {static_cast<std::int64_t>(s.st_ino), static_cast<std::int64_t>(s.st_size),
                                 static_cast<std::int64_t>(s.st_mtim.tv_sec), static_cast<std::int64_t>(s.st_mtim.tv_nsec)}) {
                stamps.append(std::to_string(n)).append(" ");
            }
        }
        stamps.append(";");
    }
    return stamps;
}

bool is_address(const std::string& host)
{
    error_code ec;
    asio::ip::make_address(host, ec);
    return !ec;
}

}  // namespace

void free_tls::operator()(ssl_st* s) const noexcept { SSL_free(s); }
void free_tls::operator()(ssl_session_st* s) const noexcept { SSL_SESSION_free(s); }

tls_settings::tls_settings(tls_options options, std::string host)
    : options_(std::move(options)), name_(options_.server_name.empty() ? std::move(host) : options_.server_name),
      is_literal_(is_address(name_))
{
    state_.stamps = stamps_of(options_);
    state_.ctx = make_context(options_);
}

tls_settings::~tls_settings() = default;

bool tls_settings::reload()
{
    auto stamps = stamps_of(options_);
    {
        const std::lock_guard lock(mutex_);
        if (stamps == state_.stamps) {
            return false;
        }
    }
    auto ctx = make_context(options_);
    const std::lock_guard lock(mutex_);
    state_ = {std::move(ctx), state_.generation + 1, std::move(stamps)};
    return true;
}

std::unique_ptr<tls_link> tls_settings::make_link(int descriptor, tls_memory& memory) const
{
    context ctx;
    std::uint64_t generation = 0;
    {
        const std::lock_guard lock(mutex_);
        ctx = state_.ctx;
        generation = state_.generation;
    }
    std::unique_ptr<ssl_st, free_tls> s(SSL_new(ctx.get()));
    if (s == nullptr) {
        throw std::bad_alloc();
    }
    if (memory.generation != generation) {   // what was believed then need not be believed now
        memory.session.reset();
        memory.generation = generation;
    }
    if (is_literal_) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s.get()), name_.c_str());
    } else {
        SSL_set_hostflags(s.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        SSL_set1_host(s.get(), name_.c_str());
        SSL_set_tlsext_host_name(s.get(), name_.c_str());   // RFC 6066 §3: names only
    }
    SSL_set_app_data(s.get(), &memory);
    if (memory.session != nullptr) {
        SSL_set_session(s.get(), memory.session.get());
    }
    return std::make_unique<tls_link>(std::move(s), descriptor);
}

std::string problem(const tls_options& o)
{
    try {
        make_context(o);
        return {};
    } catch (const std::runtime_error& e) {
        return e.what();
    }
}

// ---- a link ----------------------------------------------------------------------------------------------------------

tls_link::tls_link(std::unique_ptr<ssl_st, free_tls> s, int descriptor) : ssl_(std::move(s))
{
    BIO* const b = bio_over(descriptor);
    SSL_set_bio(ssl_.get(), b, b);
    SSL_set_connect_state(ssl_.get());
}

tls_link::~tls_link() { end_sending(); }

tls_link::step tls_link::try_handshake()
{
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    if (done == 1) {
        const unsigned char* protocol = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
        if (size != 0 && std::string_view(reinterpret_cast<const char*>(protocol), size) != only_http_1_1.substr(1)) {
            problem_ = "the server insists on a protocol other than HTTP/1.1";
            broken_ = true;
            return step::failed;
        }
        established_ = true;
        return step::done;
    }
    switch (SSL_get_error(ssl_.get(), done)) {
        case SSL_ERROR_WANT_READ: return step::wants_read;
        case SSL_ERROR_WANT_WRITE: return step::wants_write;
        default: break;
    }
    broken_ = true;
    if (const long why = SSL_get_verify_result(ssl_.get()); why != X509_V_OK && SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE) {
        problem_ = std::string("certificate: ") + X509_verify_cert_error_string(why);
    } else if (ERR_peek_last_error() != 0) {
        problem_ = last_reason();
    } else {
        problem_ = "the connection ended in the handshake";
    }
    return step::failed;
}

std::optional<std::size_t> tls_link::send_now(async::pieces what) noexcept
{
    // Record by record. What is small is copied together, so that it is one record; where a piece is large it is taken from
    // where it is. After a full socket the same bytes come again, so the record that waits is the one that goes out.
    std::array<char, record_size> scratch;   // not initialised: only what is written is read
    std::size_t sent = 0;
    std::size_t at = 0;                      // piece, and the place in it
    std::size_t offset = 0;
    while (!broken_ && !ended_) {
        while (at < what.size() && offset == what[at].size()) {
            ++at;
            offset = 0;
        }
        if (at == what.size()) {
            return sent;
        }
        std::string_view run = what[at].substr(offset, record_size);
        if (run.size() < record_size && at + 1 < what.size()) {
            std::size_t filled = run.copy(scratch.data(), run.size());
            for (std::size_t next = at + 1; next < what.size() && filled < record_size; ++next) {
                filled += what[next].copy(scratch.data() + filled, record_size - filled);
            }
            run = {scratch.data(), filled};
        }
        ERR_clear_error();
        std::size_t n = 0;
        if (const int done = SSL_write_ex(ssl_.get(), run.data(), run.size(), &n); done != 1) {
            if (SSL_get_error(ssl_.get(), done) == SSL_ERROR_WANT_WRITE) {
                half_sent_ = true;
                return sent;
            }
            broken_ = true;
            break;
        }
        half_sent_ = false;
        sent += n;
        while (n > 0) {
            const std::size_t here = std::min(n, what[at].size() - offset);
            offset += here;
            n -= here;
            if (n > 0) {
                ++at;
                offset = 0;
            }
        }
    }
    return std::nullopt;
}

std::optional<result<std::size_t>> tls_link::recv_now(asio::mutable_buffer into) noexcept
{
    if (broken_) {
        return result<std::size_t>(error_code(asio::error::connection_reset));
    }
    ERR_clear_error();
    std::size_t n = 0;
    const int done = SSL_read_ex(ssl_.get(), into.data(), into.size(), &n);
    if (done == 1) {
        return result<std::size_t>(n);
    }
    switch (SSL_get_error(ssl_.get(), done)) {
        case SSL_ERROR_WANT_READ: waits_to_write_ = false; return std::nullopt;
        case SSL_ERROR_WANT_WRITE: waits_to_write_ = true; return std::nullopt;
        case SSL_ERROR_ZERO_RETURN: return result<std::size_t>(error_code(asio::error::eof));
        default: broken_ = true; return result<std::size_t>(error_code(asio::error::connection_reset));
    }
}

bool tls_link::is_quiet() noexcept
{
    if (broken_) {
        return false;
    }
    ERR_clear_error();
    char byte = 0;
    std::size_t n = 0;
    const int done = SSL_peek_ex(ssl_.get(), &byte, 1, &n);
    return done != 1 && SSL_get_error(ssl_.get(), done) == SSL_ERROR_WANT_READ;
}

void tls_link::end_sending() noexcept
{
    if (established_ && !broken_ && !half_sent_ && !ended_) {
        ended_ = true;
        ERR_clear_error();
        SSL_shutdown(ssl_.get());   // once: what the other side says to it is not awaited
    }
}

}  // namespace tiercel::origin
