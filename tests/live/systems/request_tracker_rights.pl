# Lets anybody open a ticket by mail and answer in it, as helpdesks commonly do.
@ACL = map {
    { Right => $_, GroupDomain => 'SystemInternal', GroupType => 'Everyone' }
} qw(CreateTicket ReplyToTicket SeeQueue);
1;
