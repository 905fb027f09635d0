//! The dashboard: three files that the API serves beside itself. They ask the API like any other client,
//! and the policy that goes with them keeps them from asking anybody else.

/// One file of the page.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Where it is served.
    pub path: &'static str,
    /// Its `content-type`.
    pub content_type: &'static str,
    /// The file.
    pub body: &'static str,
}

/// Every file of the page.
pub const PARTS: [Part; 3] = [
    Part {
        path: "/",
        content_type: "text/html; charset=utf-8",
        body: include_str!("page/index.html"),
    },
    Part {
        path: "/page.css",
        content_type: "text/css; charset=utf-8",
        body: include_str!("page/page.css"),
    },
    Part {
        path: "/page.js",
        content_type: "text/javascript; charset=utf-8",
        body: include_str!("page/page.js"),
    },
];

/// Headers that go with every part: nothing from elsewhere, nothing inline, in no frame.
pub const HEADERS: [(&str, &str); 4] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-cache"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_reads_nothing_of_the_appliance_as_markup() {
        for part in PARTS {
            for way in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "style=",
            ] {
                assert!(!part.body.contains(way), "{}: {way}", part.path);
            }
        }
    }

    #[test]
    fn the_page_names_no_other_host() {
        for part in PARTS {
            let hosts = part.body.matches("://").count();
            let names = part.body.matches("http://www.w3.org/2000/svg").count();
            assert_eq!(hosts, names, "{}", part.path);
        }
    }
}
