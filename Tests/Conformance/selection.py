"""pytest plugin: gives every ceph/s3-tests test an AREA and a TIER, deselects what is not in $CONFORMANCE_TIERS.

Nothing in the fetched suite is edited. Rules are by marker first, then by test name; each
exclusion carries a reason. `python s3tests_select.py --explain` is not needed: the JSON written to
$CONFORMANCE_SELECTION has every test with area, tier and reason.
"""
import json, os, re
import signal

# pytest-timeout fires its alarm once; botocore's retry loop can swallow that one exception and hang for ever. Here the
# alarm repeats every 30 s until the test is over.
_setitimer = signal.setitimer
signal.setitimer = lambda which, seconds, interval=0.0: _setitimer(which, seconds, interval or (30.0 if seconds else 0.0))

# ---- tiers that are not part of "core" -------------------------------------------------------
TIER_DOC = {
    'core':       'what AWS S3 itself passes, on buckets with ACLs enabled and no public-access block',
    'acl-legacy': "ACL tests the suite marks fails_on_aws (2012); documented AWS ACL behaviour, need DisplayName/e-mail grants",
    'kms':        'SSE-KMS: needs a KMS with key ids testkey-1/testkey-2',
    'sigv2':      'Signature V2: AWS refuses it for buckets made after 2020-06-24',
    'lc-timer':   'lifecycle really acting: needs a server switch that makes a day last lc_debug_interval seconds',
    'rgw-cond':   'RGW conditional-write semantics AWS answers differently (If-None-Match:<etag>/If-Match:* -> 501 NotImplemented on AWS; conditional delete by mtime/size is directory-bucket only)',
    'rgw-ext':    'RGW extension: usage, read-stats, allow-unordered, anonymous ListBuckets, tenant:bucket names, no default ownership controls',
    'rgw-logging':'RGW bucket-logging extension (journal mode, flush API, 5 s roll time)',
    'cloud':      'RGW cloud transition / cloud restore',
    'iam':        'needs the IAM API on the same endpoint (accounts, users)',
    'contra-aws': 'asserts something AWS documents otherwise',
    'suite-bug':  'cannot pass against a correct server: the client side of the test does not do what it means to',
}

RGW_EXT = {'test_account_usage','test_head_bucket_usage','test_bucket_list_unordered','test_bucket_listv2_unordered',
  'test_bucket_head_extended','test_list_buckets_anonymous','test_create_bucket_no_ownership_controls',
  'test_bucket_policy_different_tenant','test_bucket_policy_tenanted_bucket'}

# fails_on_aws marks that are stale: AWS passes these today
REINSTATED = {
  # the suite itself comments: "Should now pass on AWS even though it has 'fails_on_aws' attr."
  'test_bucket_create_naming_good_long_60','test_bucket_create_naming_good_long_61','test_bucket_create_naming_good_long_62',
  'test_bucket_list_long_name','test_bucket_create_naming_dns_underscore','test_bucket_create_naming_dns_dash_at_end',
  'test_bucket_create_naming_dns_dot_dot','test_bucket_create_naming_dns_dot_dash','test_bucket_create_naming_dns_dash_dot',
  # documented bucket naming rules
  'test_bucket_create_naming_bad_starts_nonalpha','test_bucket_create_naming_bad_ip','test_bucket_create_naming_dns_long',
  # conditional writes (AWS: If-None-Match:* since 2024-08, If-Match:<etag> since 2024-11)
  'test_put_object_ifmatch_good','test_put_object_ifnonmatch_nonexisted_good','test_put_object_ifnonmatch_overwrite_existed_failed',
}
RGW_COND = {'test_put_object_ifmatch_overwrite_existed_good','test_put_object_ifmatch_nonexisted_failed','test_put_object_ifnonmatch_good',
  'test_put_object_ifnonmatch_failed','test_atomic_conditional_write_1mb',
  # unmarked, but they send If-None-Match:<etag> / If-Match:* which AWS answers 501 (LocalStack's AWS-recorded snapshots)
  'test_put_object_if_match','test_multipart_put_object_if_match','test_put_current_object_if_none_match',
  'test_multipart_put_current_object_if_none_match','test_put_current_object_if_match','test_multipart_put_current_object_if_match',
  'test_put_object_current_if_match'}
ACL_LEGACY = {'test_bucket_acl_canned_during_create','test_object_acl_full_control_verify_owner','test_object_acl','test_object_acl_write',
  'test_object_acl_writeacp','test_object_acl_read','test_object_acl_readacp','test_bucket_acl_grant_userid_fullcontrol',
  'test_bucket_acl_grant_userid_read','test_bucket_acl_grant_userid_readacp','test_bucket_acl_grant_userid_write',
  'test_bucket_acl_grant_userid_writeacp','test_object_header_acl_grants','test_bucket_header_acl_grants','test_bucket_acl_grant_email'}
SUITE_BUG = {
  'test_object_create_bad_authorization_empty':'botocore signs after the hook and replaces the header, so the request is valid',
  'test_object_create_bad_authorization_none':'botocore signs after the hook, so the header is there',
  'test_bucket_create_bad_authorization_empty':'botocore signs after the hook and replaces the header',
  'test_bucket_create_bad_authorization_none':'botocore signs after the hook, so the header is there',
  'test_object_create_bad_contentlength_none':'the HTTP layer adds Content-Length after the hook',
  'test_object_read_unreadable':"the key is a valid UTF-8 string in Python 3, so 404 NoSuchKey is right",
  'test_bucket_policy_put_obj_request_obj_tag':'the tag header is registered on the wrong client object',
  'test_bucket_policy_set_condition_operator_end_with_IfExists':'expects 403 for the bucket owner, who needs no Allow statement',
}
CONTRA_AWS = {
  'test_bucket_recreate_overwrite_acl':'expects 409 BucketAlreadyExists for the own bucket (AWS: 200 in us-east-1, else BucketAlreadyOwnedByYou)',
  'test_bucket_recreate_new_acl':'expects 409 BucketAlreadyExists for the own bucket (AWS: 200 in us-east-1, else BucketAlreadyOwnedByYou)',
  'test_put_bucket_logging':'expects TargetGrants to be dropped ("not implemented in RGW")',
  'test_atomic_write_bucket_gone':'marked fails_on_aws and fails_on_rgw: deletes the bucket in the middle of a PUT',
  'test_atomic_dual_conditional_write_1mb':'marked fails_on_aws and fails_on_rgw: If-Match must be checked when the body ends',
}
# AWS's own answer is recorded in LocalStack's snapshots (Feb 2026) or stated in the API reference, and differs:
CONTRA_AWS.update({k: 'out-of-range PartNumber: expects 400 InvalidPart; AWS 416 InvalidPartNumber (LocalStack snapshot test_get_object_part)' for k in (
  'test_multipart_get_part','test_multipart_single_get_part','test_non_multipart_get_part','test_multipart_sse_c_get_part','test_non_multipart_sse_c_get_part')})
CONTRA_AWS.update({
  'test_multipart_copy_invalid_range':'expects InvalidRange; AWS 400 InvalidArgument "Range specified is not valid for source object of size" (LocalStack snapshot test_upload_part_copy_range)',
  'test_put_bucket_logging_errors':'expects NoSuchKey for a missing target bucket; AWS 400 InvalidTargetBucketForLogging (LocalStack snapshot test_put_bucket_logging_wrong_target)',
  'test_delete_bucket_encryption_s3':'expects ...NotFoundError after delete; AWS answers 200 with AES256, its default since 2023 (LocalStack snapshot test_s3_default_bucket_encryption)',
  'test_get_bucket_encryption_s3':'expects ...NotFoundError on a new bucket; AWS answers 200 with AES256',
  'test_delete_marker_nonversioned':'expects the header x-amz-delete-marker: false; the API reference says the header does not appear when false',
  'test_object_set_get_unicode_metadata':'sends a raw Latin-1 header and expects it back; AWS answers RFC 2047 encoded metadata',
  'test_get_object_torrent':'S3 has given up BitTorrent (2022)',
})
LC_TIMER = {'test_lifecycle_plain_null_version_current_transition','test_delete_marker_expiration'}

def tier_of(name, marks):
    base = name.split('[')[0]
    if base in SUITE_BUG: return 'suite-bug', SUITE_BUG[base]
    if base in CONTRA_AWS: return 'contra-aws', CONTRA_AWS[base]
    if base in RGW_EXT: return 'rgw-ext', TIER_DOC['rgw-ext']
    if marks & {'cloud_transition','cloud_restore','target_by_bucket'}: return 'cloud', TIER_DOC['cloud']
    if 'bucket_logging' in marks and 'fails_on_aws' in marks or 'bucket_logging_cleanup' in marks or 'fails_without_logging_rollover' in marks:
        return 'rgw-logging', TIER_DOC['rgw-logging']
    if marks & {'iam_account','iam_user','iam_role','iam_tenant','iam_cross_account'}: return 'iam', TIER_DOC['iam']
    if 'auth_aws2' in marks or base.endswith('_v2'): return 'sigv2', TIER_DOC['sigv2']
    if base in RGW_COND or base.startswith(('test_delete_object_','test_delete_objects_')) and 'conditional_write' in marks:
        return 'rgw-cond', TIER_DOC['rgw-cond']
    if 'lifecycle' in marks and 'fails_on_aws' in marks or base in LC_TIMER: return 'lc-timer', TIER_DOC['lc-timer']
    if 'kms' in name and not base.startswith('test_put_obj_enc_conflict'): return 'kms', TIER_DOC['kms']
    if base in ACL_LEGACY: return 'acl-legacy', TIER_DOC['acl-legacy']
    if base in REINSTATED: return 'core', 'fails_on_aws mark is stale'
    if base in ('test_copy_enc','test_copy_part_enc') and 'fails_on_aws' in marks:
        return 'contra-aws', 'expects no SSE header on an object written without SSE; AWS has encrypted with SSE-S3 by default since 2023-01'
    if 'fails_on_aws' in marks: return 'contra-aws', 'fails_on_aws'
    return 'core', ''

def area_of(path, name, marks):
    b = name.split('[')[0]
    def s(*p): return any(x in b for x in p)
    if 'test_headers' in path: return 'headers/auth'
    if 'bucket_logging' in marks: return 'logging'
    if b.startswith('test_post_object') or s('post_object_'): return 'post object'
    if s('object_lock'): return 'object lock'
    if 'lifecycle' in marks: return 'lifecycle'
    if 'encryption' in marks or s('sse_','bucket_encryption','_enc_','encrypt'): return 'encryption'
    if 'checksum' in marks: return 'checksum'
    if s('object_attributes'): return 'object attributes'
    if 'tagging' in marks and 'bucket_policy' not in marks: return 'tagging'
    if s('public_block','block_public','ignore_public','policy_status','undefined_public'): return 'public access block'
    if 'bucket_policy' in marks or s('policy'): return 'policy'
    if 'object_ownership' in marks: return 'ownership'
    if s('cors'): return 'cors'
    if 'conditional_write' in marks or re.search(r'if(none|non)?match|ifmodified|ifunmodified|conditional', b): return 'conditional'
    if s('acl','access_bucket'): return 'acl'
    if s('multipart','upload_part') and not s('versioning','versioned'): return 'multipart'
    if s('versioning','versioned','delete_marker','list_return_data_versioning'): return 'versioning'
    if 'copy' in marks: return 'copy'
    if s('ranged','atomic'): return 'range/atomic'
    if s('anon','_raw_','presigned','bad_auth','invalid_auth'): return 'presign/anonymous'
    if s('bucket_list','bucketv2','listv2','buckets_list','basic_key_count'): return 'listing'
    if s('bucket_create','bucket_delete','bucket_head','bucket_notexist','bucket_get_location','list_buckets','buckets_','bucket_recreate','head_bucket','expected_bucket_owner'): return 'bucket'
    if s('tag'): return 'tagging'
    return 'object'

def pytest_collection_modifyitems(config, items):
    want = os.environ.get('CONFORMANCE_TIERS', 'core').split(',')
    only = set(filter(None, os.environ.get('CONFORMANCE_AREAS', '').split(',')))
    sel, desel, out = [], [], []
    for it in items:
        path, _, name = it.nodeid.partition('::')
        marks = {m.name for m in it.iter_markers()}
        tier, why = tier_of(name, marks)
        area = area_of(path, name, marks)
        on = ('all' in want or tier in want) and (not only or area in only)
        out.append(dict(id=it.nodeid, name=name, area=area, tier=tier, reason=why, selected=on, marks=sorted(marks)))
        (sel if on else desel).append(it)
        it.user_properties.append(('area', area)); it.user_properties.append(('tier', tier))
    if os.environ.get('CONFORMANCE_SELECTION'):
        json.dump(out, open(os.environ['CONFORMANCE_SELECTION'], 'w'), indent=0)
    if desel:
        config.hook.pytest_deselected(items=desel); items[:] = sel


# ---- independence of tests -------------------------------------------------------------------
# The suite gives all tests of a run one bucket prefix and fails the NEXT test when a bucket of an
# earlier one cannot be cleaned (e.g. object lock). Here every test gets a prefix of its own, and a
# failing cleanup is noted (property cleanup=...) instead of being charged to anybody.
import pytest
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    import s3tests.functional as sf
    sf._s3t_item = item
    if not getattr(sf, '_s3t_patched', False):
        sf._s3t_patched = True
        def setup():
            if sf._s3t_item.name == 'test_list_buckets_paginated':  # wants a user who owns no bucket
                try: sf.nuke_prefixed_buckets(prefix='s3t-')
                except Exception: pass
            sf.prefix = sf.choose_bucket_prefix(template='s3t-{random}-', max_len=30)
        def teardown():
            for c in (None, sf.get_alt_client(), sf.get_tenant_client()):
                try:
                    if c is None: sf.nuke_prefixed_buckets(prefix=sf.prefix)
                    else: sf.nuke_prefixed_buckets(prefix=sf.prefix, client=c)
                except Exception as e:
                    sf._s3t_item.user_properties.append(('cleanup', f'{type(e).__name__}: {e}'[:200]))
        sf.setup, sf.teardown = setup, teardown
    sf._s3t_item = item
