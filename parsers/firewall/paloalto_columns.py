"""The columns of PAN-OS logs by type, under Palo Alto Networks' own variable names.

Source: PAN-OS Administrator's Guide, "Syslog Field Descriptions", 9.1 to 11.x. Later versions add
columns at the end, so one list serves all. A column `-` is not in use.
"""

HEAD = ("-", "receive_time", "serial", "type", "subtype", "-", "time_generated")
"""The first columns of every log."""


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_SESSION = _names(
    "src dst natsrc natdst rule srcuser dstuser app vsys from to inbound_if outbound_if logset - "
    "sessionid repeatcnt sport dport natsport natdport flags proto action"
)
_GROUPS = _names(
    "dg_hier_level_1 dg_hier_level_2 dg_hier_level_3 dg_hier_level_4 vsys_name device_name"
)
_DEVICES = _names(
    "xff_ip src_category src_profile src_model src_vendor src_osfamily src_osversion src_host "
    "src_mac dst_category dst_profile dst_model dst_vendor dst_osfamily dst_osversion dst_host "
    "dst_mac container_id pod_namespace pod_name src_edl dst_edl hostid serialnumber"
)

COLUMNS: dict[str, tuple[str, ...]] = {
    "TRAFFIC": (
        *_SESSION,
        *_names(
            "bytes bytes_sent bytes_received packets start elapsed category - seqno actionflags "
            "srcloc dstloc - pkts_sent pkts_received session_end_reason"
        ),
        *_GROUPS,
        *_names(
            "action_source src_uuid dst_uuid tunnelid monitortag parent_session_id "
            "parent_start_time tunnel assoc_id chunks chunks_sent chunks_received rule_uuid "
            "http2_connection link_change_count policy_id link_switches sdwan_cluster "
            "sdwan_device_type sdwan_cluster_type sdwan_site dynusergroup_name"
        ),
        *_DEVICES,
        *_names("src_dag dst_dag session_owner high_res_timestamp"),
    ),
    "THREAT": (
        *_SESSION,
        *_names(
            "misc threatid category severity direction seqno actionflags srcloc dstloc - "
            "contenttype pcap_id filedigest cloud url_idx user_agent filetype xff referer sender "
            "subject recipient reportid"
        ),
        *_GROUPS,
        *_names(
            "- src_uuid dst_uuid http_method tunnelid monitortag parent_session_id "
            "parent_start_time tunnel thr_category contentver - assoc_id ppid http_headers "
            "url_category_list rule_uuid http2_connection dynusergroup_name"
        ),
        *_DEVICES,
        *_names("domain_edl src_dag dst_dag partial_hash high_res_timestamp reason justification"),
    ),
    "SYSTEM": (
        *_names("vsys eventid object - - module severity opaque seqno actionflags"),
        *_GROUPS,
    ),
    "CONFIG": _names("host vsys cmd admin client result path"),
    "USERID": _names(
        "vsys ip user datasourcename eventid repeatcnt timeout beginport endport datasource "
        "datasourcetype seqno actionflags"
    ),
    "AUTHENTICATION": _names(
        "vsys ip user normalize_user object authpolicy repeatcnt authid vendor logset "
        "serverprofile desc clienttype event factorno seqno actionflags"
    ),
    "GLOBALPROTECT": _names(
        "vsys eventid stage auth_method tunnel_type srcuser srcregion machinename public_ip "
        "public_ipv6 private_ip private_ipv6 hostid serialnumber client_ver client_os "
        "client_os_ver repeatcnt reason error opaque status location login_duration "
        "connect_method error_code portal seqno actionflags"
    ),
    "HIPMATCH": _names("srcuser vsys machinename os src matchname repeatcnt matchtype"),
}
"""What follows the head."""
