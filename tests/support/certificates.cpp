#include "support/certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdexcept>

namespace tiercel::test {
namespace {

using key_ptr = std::shared_ptr<EVP_PKEY>;
using certificate_ptr = std::shared_ptr<X509>;

void require(bool done)
{
    if (!done) {
        throw std::runtime_error("OpenSSL cannot make a certificate");
    }
}

key_ptr make_key()
{
    key_ptr key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    require(key != nullptr);
    return key;
}

void extend(X509& c, X509& issuer, int what, const std::string& value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, &issuer, &c, nullptr, nullptr, 0);
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> e(
        X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str()), X509_EXTENSION_free);
    require(e != nullptr && X509_add_ext(&c, e.get(), -1) == 1);
}

// Signed by `issuer`, or by itself when there is none.
certificate_ptr make_certificate(const std::string& common_name, int serial, std::chrono::seconds valid_until, EVP_PKEY& key,
                                 X509* issuer, EVP_PKEY& issuer_key, const std::string& alternative_name)
{
    certificate_ptr c(X509_new(), X509_free);
    require(c != nullptr);
    X509_set_version(c.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c.get()), serial);
    X509_gmtime_adj(X509_getm_notBefore(c.get()), -72 * 3600);
    X509_gmtime_adj(X509_getm_notAfter(c.get()), static_cast<long>(valid_until.count()));
    X509_NAME* const subject = X509_get_subject_name(c.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
    X509_set_issuer_name(c.get(), issuer != nullptr ? X509_get_subject_name(issuer) : subject);
    X509_set_pubkey(c.get(), &key);
    X509& above = issuer != nullptr ? *issuer : *c;
    extend(*c, above, NID_basic_constraints, issuer != nullptr ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (!alternative_name.empty()) {
        extend(*c, above, NID_subject_alt_name, alternative_name);
    }
    require(X509_sign(c.get(), &issuer_key, EVP_sha256()) != 0);
    return c;
}

template <class Write>
void write_pem(const std::filesystem::path& file, Write write)
{
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new_file(file.c_str(), "w"), BIO_free);
    require(out != nullptr && write(out.get()) == 1);
}

void write_files(const certificate_files& f, X509& c, EVP_PKEY& key)
{
    write_pem(f.certificate, [&](BIO* out) { return PEM_write_bio_X509(out, &c); });
    write_pem(f.key, [&](BIO* out) { return PEM_write_bio_PrivateKey(out, &key, nullptr, nullptr, 0, nullptr, nullptr); });
}

bool is_address(const std::string& name) { return name.find_first_not_of("0123456789.") == name.npos; }

}  // namespace

certificate_authority::certificate_authority() : key_(make_key())
{
    certificate_ = make_certificate("Authority of the test", 1, std::chrono::hours(24), *key_, nullptr, *key_, "");
    own_ = {directory_.path() / "authority.pem", directory_.path() / "authority.key"};
    write_files(own_, *certificate_, *key_);
}

certificate_authority::~certificate_authority() = default;

certificate_files certificate_authority::issue(const certificate_options& o)
{
    const int number = ++issued_;
    const key_ptr key = make_key();
    const auto c = make_certificate(o.name, number + 1, o.valid_until, *key, certificate_.get(), *key_,
                                    (is_address(o.name) ? "IP:" : "DNS:") + o.name);
    const certificate_files f{directory_.path() / (std::to_string(number) + ".pem"), directory_.path() / (std::to_string(number) + ".key")};
    write_files(f, *c, *key);
    return f;
}

}  // namespace tiercel::test
