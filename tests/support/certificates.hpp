#pragma once

// An authority of the test's own, and what it signs: PEM files in a directory that is gone with the object.

#include "support/temp_dir.hpp"

#include <chrono>
#include <memory>
#include <string>

struct evp_pkey_st;
struct x509_st;

namespace tiercel::test {

struct certificate_options {
    std::string name = "shop.test";                 // DNS name or IP address that it is for
    std::chrono::hours valid_until{24};             // from now; negative: it has expired
};

// A certificate with its key, as files.
struct certificate_files {
    std::filesystem::path certificate;
    std::filesystem::path key;
};

class certificate_authority {
public:
    certificate_authority();
    ~certificate_authority();

    const std::filesystem::path& file() const noexcept { return own_.certificate; }   // its own certificate
    certificate_files issue(const certificate_options& o = {});

private:
    temp_dir directory_;
    std::shared_ptr<evp_pkey_st> key_;
    std::shared_ptr<x509_st> certificate_;
    certificate_files own_;
    int issued_ = 0;
};

}  // namespace tiercel::test
