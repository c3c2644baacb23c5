#pragma once

// Problems while they are being found: with places in place of file names.

#include "config/problem.hpp"
#include "config/yaml_tree.hpp"

#include <string>
#include <vector>

namespace tiercel::config {

// All of one gravity.
class problem_list {
public:
    explicit problem_list(enum gravity how_bad = gravity::error) : gravity_(how_bad) {}

    void add(place where, std::string key, std::string what);
    void add(std::vector<yaml_error> errors);
    bool empty() const noexcept { return found_.empty(); }
    // Is there one about this key or something in it?
    bool has_inside(const std::string& key) const;

    // In the order of their places.
    std::vector<problem> take(const std::vector<std::string>& files);

private:
    std::vector<yaml_error> found_;
    enum gravity gravity_;
};

}  // namespace tiercel::config
