// TLS to an endpoint: against nginx, as it is, and against a server of the test that breaks off where it should not.

#include "origin/fixture.hpp"
#include "support/certificates.hpp"
#include "support/nginx_server.hpp"

#include <openssl/ssl.h>

#include <fstream>
#include <optional>
#include <thread>

namespace tiercel::origin {
namespace {

using test::certificate_authority;
using test::certificate_files;

// nginx with TLS on a second port; answers say what it saw of the connection.
class secure_nginx {
public:
    explicit secure_nginx(const certificate_files& own, const std::string& more = {})
        : port_(test::free_port()),
          server_({.server_directives = "listen 127.0.0.1:" + std::to_string(port_) + " ssl; ssl_certificate " + own.certificate.native() +
                                        "; ssl_certificate_key " + own.key.native() + "; " + more +
                                        " location = /seen { return 200 \"name=$ssl_server_name session=$ssl_session_reused"
                                        " client=$ssl_client_s_dn\"; } location = /large { root html; } client_max_body_size 100m;"
                                        " location = /large.bin { }"})
    {
    }
    std::string url(const std::string& host = "127.0.0.1") const { return "https://" + host + ":" + std::to_string(port_); }
    const test::nginx_server& files() const { return server_; }

private:
    std::uint16_t port_;
    test::nginx_server server_;
};

class Tls : public OriginTest {
protected:
    void SetUp() override
    {
        if (!test::nginx_server::available()) {
            GTEST_SKIP() << "nginx is not installed";
        }
        options.retry.max = 0;
        options.tls.ca = authority.file();
        options.tls.server_name = "shop.test";
    }
    certificate_authority authority;
};

TEST_F(Tls, AskedNameIsSentAndItsCertificateBelieved)
{
    const secure_nginx o(authority.issue());
    start({o.url()});
    const auto got = get("/seen");
    ASSERT_EQ(got.error, error_code()) << ::testing::PrintToString(seen.tls_failures);
    EXPECT_EQ(got.status, 200);
    EXPECT_NE(got.body.find("name=shop.test "), std::string::npos) << got.body;
}

TEST_F(Tls, ConnectionIsUsedAgain)
{
    const secure_nginx o(authority.issue());
    start({o.url()});
    EXPECT_FALSE(get("/seen").reused);
    for (int i = 0; i < 20; ++i) {
        const auto got = get("/seen");
        EXPECT_EQ(got.status, 200);
        EXPECT_TRUE(got.reused) << i;
    }
}

TEST_F(Tls, SecondConnectionResumesTheSession)
{
    options.pool.idle = 0;
    const secure_nginx o(authority.issue());
    start({o.url()});
    EXPECT_NE(get("/seen").body.find("session=."), std::string::npos);
    const auto second = get("/seen");
    EXPECT_FALSE(second.reused);
    EXPECT_NE(second.body.find("session=r"), std::string::npos) << second.body;
}

TEST_F(Tls, AddressIsCheckedWhenTheEndpointIsOne)
{
    options.tls.server_name = "";
    const secure_nginx o(authority.issue({.name = "127.0.0.1"}));
    start({o.url()});
    const auto got = get("/seen");
    EXPECT_EQ(got.status, 200) << ::testing::PrintToString(seen.tls_failures);
    EXPECT_NE(got.body.find("name= "), std::string::npos) << got.body;   // RFC 6066 §3: no address there
}

TEST_F(Tls, LargeContentComesWhole)
{
    const secure_nginx o(authority.issue());
    std::string large(5'000'000, 'x');
    for (std::size_t i = 0; i < large.size(); i += 997) {
        large[i] = static_cast<char>('a' + i % 26);
    }
    o.files().write("large.bin", large);
    start({o.url()});
    const auto got = get("/large.bin");
    EXPECT_EQ(got.error, error_code());
    EXPECT_TRUE(got.body == large) << got.body.size();
}

struct refusal {
    const char* what;
    test::certificate_options issued;
    bool own_authority;                    // of the server, that we know nothing of
    const char* why;
};

class TlsRefusal : public Tls, public ::testing::WithParamInterface<refusal> {};

TEST_P(TlsRefusal, NothingIsSentToAServerThatIsNotBelieved)
{
    certificate_authority stranger;
    const auto files = (GetParam().own_authority ? stranger : authority).issue(GetParam().issued);
    const secure_nginx o(files);
    start({o.url()});
    const auto got = get("/seen");
    EXPECT_EQ(got.error, errc::origin_tls);
    EXPECT_EQ(got.status, 0);
    ASSERT_EQ(seen.tls_failures.size(), 1u);
    EXPECT_NE(seen.tls_failures[0].find(GetParam().why), std::string::npos) << seen.tls_failures[0];
    EXPECT_EQ(seen.attempts, (recorder::counts{{"origin_tls", 1}}));
}

TEST_P(TlsRefusal, WithoutVerificationAnyServerWillDo)
{
    options.tls.verify = false;
    certificate_authority stranger;
    const secure_nginx o((GetParam().own_authority ? stranger : authority).issue(GetParam().issued));
    start({o.url()});
    EXPECT_EQ(get("/seen").status, 200);
}

INSTANTIATE_TEST_SUITE_P(Servers, TlsRefusal,
                         ::testing::Values(refusal{"another name", {.name = "other.test"}, false, "ostname mismatch"},
                                           refusal{"expired", {.valid_until = std::chrono::hours(-1)}, false, "expired"},
                                           refusal{"unknown authority", {}, true, "certificate"}));

TEST_F(Tls, OurCertificateIsShown)
{
    const auto client_files = authority.issue({.name = "tiercel.test"});
    options.tls.certificate = client_files.certificate;
    options.tls.key = client_files.key;
    const secure_nginx o(authority.issue(), "ssl_verify_client on; ssl_client_certificate " + authority.file().native() + ";");
    start({o.url()});
    EXPECT_NE(get("/seen").body.find("client=CN=tiercel.test"), std::string::npos);
}

TEST_F(Tls, ChangedCertificateIsReadAgain)
{
    const secure_nginx o(authority.issue(), "ssl_verify_client on; ssl_client_certificate " + authority.file().native() + ";");
    const auto first = authority.issue({.name = "first.test"});
    options.tls.certificate = first.certificate;
    options.tls.key = first.key;
    options.pool.idle = 0;
    start({o.url()});
    EXPECT_NE(get("/seen").body.find("client=CN=first.test"), std::string::npos);
    EXPECT_FALSE(up->endpoints()[0]->tls()->reload());

    const auto second = authority.issue({.name = "second.test"});
    std::filesystem::copy_file(second.certificate, first.certificate, std::filesystem::copy_options::overwrite_existing);
    EXPECT_THROW(up->endpoints()[0]->tls()->reload(), std::runtime_error);   // the key does not fit: the old ones stay
    EXPECT_NE(get("/seen").body.find("client=CN=first.test"), std::string::npos);
    std::filesystem::copy_file(second.key, first.key, std::filesystem::copy_options::overwrite_existing);
    EXPECT_TRUE(up->endpoints()[0]->tls()->reload());
    EXPECT_NE(get("/seen").body.find("client=CN=second.test"), std::string::npos);
}

TEST_F(Tls, PlainServerIsNoSecureOne)
{
    const scripted_origin o([](peer& p) { p.send(answer("What?", 400)); });
    start({"https://127.0.0.1:" + o.url().substr(o.url().rfind(':') + 1)});
    EXPECT_EQ(get().error, errc::origin_tls);
    EXPECT_EQ(breaker(), resilience::breaker_state::closed);
}

TEST_F(Tls, SilentServerIsGivenUpInTime)
{
    options.connect_timeout = 50ms;
    const scripted_origin o([](peer& p) { p.stream.read_to_end(); });   // accepts, and says nothing
    start({"https://127.0.0.1:" + o.url().substr(o.url().rfind(':') + 1)});
    EXPECT_EQ(get().error, errc::origin_connect_timeout);
}

TEST_F(Tls, OptionsWithFilesThatCannotBeUsedSayWhich)
{
    options.tls.ca = "/nowhere/ca.pem";
    EXPECT_NE(problem(options.tls).find("tls.ca '/nowhere/ca.pem'"), std::string::npos);
    options.tls.ca = authority.file();
    EXPECT_EQ(problem(options.tls), "");
    const auto one = authority.issue();
    const auto other = authority.issue();
    options.tls.certificate = one.certificate;
    options.tls.key = other.key;
    EXPECT_NE(problem(options.tls).find("tls.key '"), std::string::npos);
}

// ---- a server that breaks off ----

// One connection: shakes hands, reads to the end of a head, writes, and ends with or without saying so.
class tls_peer {
public:
    enum class ending { announced, torn };

    tls_peer(const certificate_files& own, std::string bytes, ending how)
        : listener_(test::listen_on_loopback()), port_(test::port_of(listener_))
    {
        ctx_.reset(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
        SSL_CTX_use_certificate_file(ctx_.get(), own.certificate.c_str(), SSL_FILETYPE_PEM);
        SSL_CTX_use_PrivateKey_file(ctx_.get(), own.key.c_str(), SSL_FILETYPE_PEM);
        thread_ = std::thread([this, bytes = std::move(bytes), how] { serve(bytes, how); });
    }
    ~tls_peer() { thread_.join(); }
    std::string url() const { return "https://127.0.0.1:" + std::to_string(port_); }

private:
    void serve(const std::string& bytes, ending how)
    {
        const test::unique_fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        const std::unique_ptr<SSL, decltype(&SSL_free)> s(SSL_new(ctx_.get()), SSL_free);
        SSL_set_fd(s.get(), fd.get());
        if (SSL_accept(s.get()) != 1) {
            return;
        }
        std::string head;
        std::array<char, 4096> buffer;
        while (head.find("\r\n\r\n") == head.npos) {
            const int n = SSL_read(s.get(), buffer.data(), static_cast<int>(buffer.size()));
            if (n <= 0) {
                return;
            }
            head.append(buffer.data(), static_cast<std::size_t>(n));
        }
        SSL_write(s.get(), bytes.data(), static_cast<int>(bytes.size()));
        if (how == ending::announced) {
            SSL_shutdown(s.get());
        }
    }

    test::unique_fd listener_;
    std::uint16_t port_;
    std::shared_ptr<SSL_CTX> ctx_;
    std::thread thread_;
};

constexpr const char* until_close = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end";

TEST_F(Tls, AnnouncedEndCompletesAnAnswerWithoutLength)
{
    const tls_peer o(authority.issue(), until_close, tls_peer::ending::announced);
    start({o.url()});
    const auto got = get();
    EXPECT_EQ(got.error, error_code());
    EXPECT_EQ(got.body, "to the end");
}

// RFC 9112 §9.8: anybody on the way can end a connection, but nobody can forge the closing alert.
TEST_F(Tls, EndThatNobodyAnnouncedIsATruncation)
{
    const tls_peer o(authority.issue(), until_close, tls_peer::ending::torn);
    start({o.url()});
    EXPECT_EQ(get().error, errc::origin_truncated);
    EXPECT_EQ(seen.invalid, (recorder::counts{{"truncated", 1}}));
}

TEST_F(Tls, LateBytesEndTheReuseOfAConnection)
{
    const tls_peer o(authority.issue(), answer("hello") + "HTTP/1.1 200 OK\r\n", tls_peer::ending::torn);
    start({o.url()});
    EXPECT_EQ(get().body, "hello");
    EXPECT_EQ(sut->idle_connections(), 0u);
}

}  // namespace
}  // namespace tiercel::origin
