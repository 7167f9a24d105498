//! What bindgen made of request_rec, module and command_rec against what the C compiler makes of the same headers (`layout.c`).

use super::*;
use std::mem::{offset_of, size_of};

unsafe extern "C" {
    static apache_sys_layout: [usize; 25];
    static apache_sys_layout_len: usize;
}

#[test]
fn the_structs_lie_in_memory_as_httpd_was_compiled() {
    let bindgen = [
        size_of::<request_rec>(),
        offset_of!(request_rec, pool),
        offset_of!(request_rec, status),
        offset_of!(request_rec, method_number),
        offset_of!(request_rec, headers_in),
        offset_of!(request_rec, subprocess_env),
        offset_of!(request_rec, handler),
        offset_of!(request_rec, user),
        offset_of!(request_rec, uri),
        offset_of!(request_rec, per_dir_config),
        offset_of!(request_rec, input_filters),
        offset_of!(request_rec, useragent_ip),
        size_of::<module>(),
        offset_of!(module, module_index),
        offset_of!(module, magic),
        offset_of!(module, create_dir_config),
        offset_of!(module, cmds),
        offset_of!(module, register_hooks),
        offset_of!(module, flags),
        size_of::<command_rec>(),
        offset_of!(command_rec, func),
        offset_of!(command_rec, cmd_data),
        offset_of!(command_rec, req_override),
        offset_of!(command_rec, args_how),
        offset_of!(command_rec, errmsg),
    ];
    // SAFETY: layout.c defines both as constants; the array has as many elements as its length says, which is checked first.
    unsafe {
        assert_eq!(apache_sys_layout_len, bindgen.len());
        assert_eq!(apache_sys_layout, bindgen);
    }
}
