-- The same request as this generator sends.
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = '{"userId":"user-000000000042","quantity":1}'
