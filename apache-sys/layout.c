/* Sizes and offsets as the C compiler sees them; src/layout.rs compares them with what bindgen made of the same headers. */
#include <stddef.h>
#include "httpd.h"
#include "http_config.h"

const size_t apache_sys_layout[] = {
    sizeof(request_rec),
    offsetof(request_rec, pool),
    offsetof(request_rec, status),
    offsetof(request_rec, method_number),
    offsetof(request_rec, headers_in),
    offsetof(request_rec, subprocess_env),
    offsetof(request_rec, handler),
    offsetof(request_rec, user),
    offsetof(request_rec, uri),
    offsetof(request_rec, per_dir_config),
    offsetof(request_rec, input_filters),
    offsetof(request_rec, useragent_ip),
    sizeof(module),
    offsetof(module, module_index),
    offsetof(module, magic),
    offsetof(module, create_dir_config),
    offsetof(module, cmds),
    offsetof(module, register_hooks),
    offsetof(module, flags),
    sizeof(command_rec),
    offsetof(command_rec, func),
    offsetof(command_rec, cmd_data),
    offsetof(command_rec, req_override),
    offsetof(command_rec, args_how),
    offsetof(command_rec, errmsg),
};

const size_t apache_sys_layout_len = sizeof(apache_sys_layout) / sizeof(apache_sys_layout[0]);
